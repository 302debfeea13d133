// SPDX-License-Identifier: BSL-1.0
#include "pyproc/errors.hpp"

#include <cerrno>
#include <string>

#include "support/catch.hpp"

using namespace pyproc;

namespace {

template <class Expected>
bool throws_just(int code) {
    try {
        throw_os_error(code, "call", "file");
    } catch (const Expected& error) {
        return typeid(error) == typeid(Expected) && error.code().value() == code;
    } catch (...) {
        return false;
    }
}

}  // namespace

TEST_CASE("throw_os_error: the errno picks the class, as in Python") {
    CHECK(throws_just<FileNotFoundError>(ENOENT));
    CHECK(throws_just<FileExistsError>(EEXIST));
    CHECK(throws_just<PermissionError>(EACCES));
    CHECK(throws_just<PermissionError>(EPERM));
    CHECK(throws_just<NotADirectoryError>(ENOTDIR));
    CHECK(throws_just<ProcessLookupError>(ESRCH));
    CHECK(throws_just<ChildProcessError>(ECHILD));
    CHECK(throws_just<BrokenPipeError>(EPIPE));
    CHECK(throws_just<BrokenPipeError>(ESHUTDOWN));
    CHECK(throws_just<BlockingIOError>(EAGAIN));
    CHECK(throws_just<BlockingIOError>(EALREADY));
    CHECK(throws_just<BlockingIOError>(EINPROGRESS));
    CHECK(throws_just<InterruptedError>(EINTR));
    CHECK(throws_just<TimeoutError>(ETIMEDOUT));
    CHECK(throws_just<OSError>(EMFILE));
}

TEST_CASE("OSError: the message names the call, the file and the reason") {
    const OSError error{ENOENT, "chdir", "/nowhere"};

    CHECK(std::string{error.what()} == "chdir '/nowhere': No such file or directory");
    CHECK(error.filename() == "/nowhere");
}

TEST_CASE("OSError: without a file the message names the call and the reason") {
    const OSError error{EMFILE, "pipe2"};

    CHECK(std::string{error.what()} == "pipe2: Too many open files");
    CHECK(error.filename().empty());
}

TEST_CASE("OSError: the code compares equal to the standard error condition") {
    const OSError error{EACCES, "open"};

    CHECK(error.code() == std::errc::permission_denied);
    CHECK(error.code().category() == std::system_category());
}

TEST_CASE("ValueError and EOFError are caught by their standard bases") {
    CHECK_THROWS_AS(throw ValueError{"bad"}, std::invalid_argument);
    CHECK_THROWS_AS(throw EOFError{"end"}, std::runtime_error);
}

TEST_CASE("TimeoutError: one made of the call alone carries ETIMEDOUT") {
    CHECK(TimeoutError{"get"}.code() == std::errc::timed_out);
}

TEST_CASE("UnicodeDecodeError: one bad byte is named with its place, as in Python") {
    const UnicodeDecodeError error{"utf-8", "a\xff", 1, 2, "invalid start byte"};

    CHECK(std::string{error.what()} ==
          "'utf-8' codec can't decode byte 0xff in position 1: invalid start byte");
    CHECK(error.encoding() == "utf-8");
    CHECK(error.object() == "a\xff");
    CHECK(error.start() == 1);
    CHECK(error.end() == 2);
    CHECK(error.reason() == "invalid start byte");
}

TEST_CASE("UnicodeDecodeError: several bad bytes are named by the first and the last") {
    const UnicodeDecodeError error{"utf-8", "\xe2\x82", 0, 2, "unexpected end of data"};

    CHECK(std::string{error.what()} ==
          "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data");
}

TEST_CASE("UnicodeEncodeError: one character is named by its escape, as in Python") {
    const UnicodeEncodeError error{
        "latin-1", "\u00e9\u20ac", U'\u20ac', 1, 2, "ordinal not in range(256)"};

    CHECK(
        std::string{error.what()} ==
        "'latin-1' codec can't encode character '\\u20ac' in position 1: ordinal not in "
        "range(256)");
    CHECK(error.encoding() == "latin-1");
    CHECK(error.object() == "\u00e9\u20ac");
    CHECK(error.start() == 1);
    CHECK(error.end() == 2);
    CHECK(error.reason() == "ordinal not in range(256)");
}

TEST_CASE("UnicodeEncodeError: the escape is as long as the character needs") {
    const auto message = [](char32_t character) {
        return std::string{
            UnicodeEncodeError{"ascii", "?", character, 0, 1, "why"}.what()};
    };

    CHECK_THAT(message(U'\u00e9'), test::Contains("character '\\xe9' in"));
    CHECK_THAT(message(0xdcff), test::Contains("character '\\udcff' in"));
    CHECK_THAT(message(U'\U0001f600'), test::Contains("character '\\U0001f600' in"));
}

TEST_CASE("UnicodeEncodeError: several characters are named by the first and the last") {
    const UnicodeEncodeError error{"ascii", "\u00e9\u00e9", U'\u00e9', 0, 2, "why"};

    CHECK(std::string{error.what()} ==
          "'ascii' codec can't encode characters in position 0-1: why");
}
