// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/stream.hpp"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

/// A stream on which `bytes` arrive and then the end.
ReadStream reading(std::string_view bytes, bool text = false) {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    posix::write_all(pipe.write_end.get(), bytes).or_throw("write");
    return ReadStream{std::move(pipe.read_end), text};
}

/// The same, with the bytes decoded.
ReadStream decoding(std::string_view bytes, const char* encoding,
                    const char* errors = "strict") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    posix::write_all(pipe.write_end.get(), bytes).or_throw("write");
    return ReadStream{std::move(pipe.read_end),
                      TextDecoder{text_mode(encoding, errors, false)}};
}

/// What a reader gets of `text` when it is written in `pieces` of so many bytes.
std::string written(std::string_view text, const char* encoding, std::size_t pieces,
                    const char* errors = "strict") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    ReadStream read{std::move(pipe.read_end), false};
    WriteStream write{std::move(pipe.write_end),
                      TextEncoder{text_mode(encoding, errors, false)}};
    for (; !text.empty(); text.remove_prefix(std::min(pieces, text.size()))) {
        write.write(text.substr(0, pieces));
    }
    write.close();
    return read.read();
}

/// Both ends of a pipe, as streams.
struct Both {
    WriteStream write;
    ReadStream read;
};

Both both() {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    return {WriteStream{std::move(pipe.write_end)},
            ReadStream{std::move(pipe.read_end), false}};
}

}  // namespace

TEST_CASE("ReadStream: read gives all up to the end, and then nothing") {
    ReadStream stream = reading("a\nb");

    CHECK(stream.read() == "a\nb");
    CHECK(stream.read().empty());
}

TEST_CASE("ReadStream: read of a count gives that many, fewer only at the end") {
    ReadStream stream = reading("abcde");

    CHECK(stream.read(2) == "ab");
    CHECK(stream.read(0).empty());
    CHECK(stream.read(10) == "cde");
    CHECK(stream.read(1).empty());
}

TEST_CASE("ReadStream: readline gives lines with their ends, the last perhaps without") {
    ReadStream stream = reading("a\n\nb");

    CHECK(stream.readline() == "a\n");
    CHECK(stream.readline() == "\n");
    CHECK(stream.readline() == "b");
    CHECK(stream.readline().empty());
}

TEST_CASE("ReadStream: a loop over it walks over the lines") {
    ReadStream stream = reading("a\nb\nc");
    std::vector<std::string> lines;

    for (const std::string& line : stream) lines.push_back(line);

    CHECK(lines == std::vector<std::string>{"a\n", "b\n", "c"});
}

TEST_CASE("ReadStream: a loop over a stream with nothing on it does not turn") {
    ReadStream stream = reading("");

    CHECK(stream.begin() == stream.end());
}

TEST_CASE("ReadStream: text has its newlines translated, bytes do not") {
    CHECK(reading("a\r\nb\rc", true).read() == "a\nb\nc");
    CHECK(reading("a\r\nb\rc").read() == "a\r\nb\rc");
}

TEST_CASE("ReadStream: a line longer than any piece comes whole") {
    const std::string line(50'000, 'x');

    CHECK(reading(line + "\nrest").readline() == line + "\n");
}

TEST_CASE("ReadStream: the ways to read can be mixed") {
    ReadStream stream = reading("one\ntwo\nthree");

    CHECK(stream.read(2) == "on");
    CHECK(stream.readline() == "e\n");
    CHECK(stream.take_buffered() == "two\nthree");
    CHECK(stream.read().empty());
}

TEST_CASE("streams: one that is closed, or was never open, is a ValueError to use") {
    ReadStream read = reading("x");
    read.close();
    WriteStream write;

    CHECK(read.closed());
    CHECK(write.closed());
    CHECK_THROWS_AS(read.read(), ValueError);
    CHECK_THROWS_AS(read.readline(), ValueError);
    CHECK_THROWS_AS(read.fileno(), ValueError);
    CHECK_THROWS_AS(write.write("x"), ValueError);
    CHECK_THROWS_AS(write.flush(), ValueError);
    CHECK_THROWS_AS(write.fileno(), ValueError);
    CHECK_NOTHROW(write.close());
}

TEST_CASE("WriteStream: a little is held back until flush") {
    Both ends = both();

    ends.write.write("he");
    ends.write.write("llo");
    ends.write.flush();

    CHECK(ends.read.read(5) == "hello");
}

TEST_CASE("WriteStream: close writes what was held back, and the reader sees the end") {
    Both ends = both();

    ends.write.write("hello");
    ends.write.close();

    CHECK(ends.read.read() == "hello");
}

TEST_CASE("WriteStream: much is written at once, in order after what was held back") {
    Both ends = both();
    const std::string much(20'000, 'x');

    ends.write.write("head");
    ends.write.write(much);

    CHECK(ends.read.read(much.size() + 4) == "head" + much);
}

TEST_CASE(
    "WriteStream: a reader that is gone is a BrokenPipeError, and closing still closes") {
    Both ends = both();
    ends.read.close();

    ends.write.write("x");
    CHECK_THROWS_AS(ends.write.flush(), BrokenPipeError);
    ends.write.write("x");
    CHECK_THROWS_AS(ends.write.close(), BrokenPipeError);
    CHECK(ends.write.closed());
}

TEST_CASE("WriteStream: one that goes out of scope writes what it held back") {
    Both ends = both();

    {
        WriteStream moved_out = std::move(ends.write);
        moved_out.write("hello");
    }

    CHECK(ends.read.read() == "hello");
    CHECK(ends.write.closed());  // NOLINT(bugprone-use-after-move)
}

TEST_CASE("ReadStream: one that was moved from has nothing left, and can be asked") {
    ReadStream from = reading("a\nb\n");
    REQUIRE(from.readline() == "a\n");

    ReadStream to = std::move(from);

    CHECK(from.take_buffered().empty());  // NOLINT(bugprone-use-after-move)
    CHECK(to.readline() == "b\n");
}

TEST_CASE("ReadStream: with an encoding what is read is UTF-8, in every way to read") {
    CHECK(decoding("caf\xe9", "latin-1").read() == "caf\u00e9");
    CHECK(decoding("\xe9\r\n\xe8", "latin-1").readline() == "\u00e9\n");
    ReadStream stream = decoding("\xe9\r\xe8", "latin-1");
    std::vector<std::string> lines;

    for (const std::string& line : stream) lines.push_back(line);

    CHECK(lines == std::vector<std::string>{"\u00e9\n", "\u00e8"});
}

TEST_CASE("ReadStream: of a text, a count is one of characters, and none is cut") {
    const char* const text = "a\u00e9\u20ac\U0001f600z";
    ReadStream streams[] = {decoding(text, "utf-8"), reading(text, true)};
    for (ReadStream& stream : streams) {
        CHECK(stream.read(2) == "a\u00e9");
        CHECK(stream.read(0).empty());
        CHECK(stream.read(1) == "\u20ac");
        CHECK(stream.read(5) == "\U0001f600z");
        CHECK(stream.read(1).empty());
    }
    CHECK(reading(text).read(2) == "a\xc3");
}

TEST_CASE("ReadStream: a count waits for the rest of a character that is on its way") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    ReadStream stream{std::move(pipe.read_end), true};
    REQUIRE(::write(pipe.write_end.get(), "a\xe2", 2) == 2);
    REQUIRE(stream.read(1) == "a");
    REQUIRE(::write(pipe.write_end.get(), "\x82\xac\xff\xe2", 4) == 4);

    CHECK(stream.read(1) == "\u20ac");
    CHECK(stream.read(1) == "\xff");
    pipe.write_end.reset();
    CHECK(stream.read(3) == "\xe2");
}

TEST_CASE("ReadStream: characters longer than a piece of reading come whole") {
    std::string text = "x";
    while (text.size() < 50'000) text += "\u20ac";

    CHECK(decoding(text, "utf-8").read() == text);
    CHECK(reading(text, true).read(10'000).size() == 1 + 9'999 * 3);
}

TEST_CASE("ReadStream: the end of the file in a character is an error, or replaced") {
    CHECK_THROWS_AS(decoding("a\xe2\x82", "utf-8").read(), UnicodeDecodeError);
    CHECK(decoding("a\xe2\x82", "utf-8", "replace").read() == "a\ufffd");
    CHECK(decoding("a\xe2\x82", "utf-8", "replace").readline() == "a\ufffd");
    CHECK(decoding("a\xe2\x82", "utf-8", "replace").read(2) == "a\ufffd");
    CHECK(decoding("a\xe2\x82", "utf-8", "ignore").read(2) == "a");
}

TEST_CASE("ReadStream: after a UnicodeDecodeError what came before is still there") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    ReadStream stream{std::move(pipe.read_end),
                      TextDecoder{text_mode("utf-8", {}, true)}};
    REQUIRE(::write(pipe.write_end.get(), "good ", 5) == 5);
    REQUIRE(stream.read(1) == "g");
    REQUIRE(::write(pipe.write_end.get(), "bad\xff", 4) == 4);

    CHECK_THROWS_AS(stream.readline(), UnicodeDecodeError);
    REQUIRE(::write(pipe.write_end.get(), "better\n", 7) == 7);

    CHECK(stream.readline() == "ood better\n");
}

TEST_CASE("WriteStream: with an encoding text arrives in it, wherever it is cut") {
    for (const std::size_t pieces : {1U, 2U, 3U, 100U}) {
        CHECK(written("caf\u00e9", "latin-1", pieces) == "caf\xe9");
        CHECK(written("\u20ac\u65e5", "utf-8", pieces) == "\u20ac\u65e5");
        CHECK(written("\u65e5\u672c", "iso2022_jp", pieces) == "\x1b$BF|K\\\x1b(B");
        CHECK(written("ab", "utf-16", pieces).size() == 6);
    }
}

TEST_CASE("WriteStream: a text that can't be encoded is not written, the next one is") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    ReadStream read{std::move(pipe.read_end), false};
    WriteStream write{std::move(pipe.write_end),
                      TextEncoder{text_mode("latin-1", {}, false)}};

    write.write("a");
    CHECK_THROWS_AS(write.write("b\u20ac"), UnicodeEncodeError);
    write.write("c");
    write.close();

    CHECK(read.read() == "ac");
}

TEST_CASE("WriteStream: closing in the middle of a character is an error, and closes") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    ReadStream read{std::move(pipe.read_end), false};
    WriteStream write{std::move(pipe.write_end),
                      TextEncoder{text_mode("utf-8", {}, false)}};

    write.write("a\xe2");
    CHECK_THROWS_AS(write.close(), UnicodeEncodeError);

    CHECK(write.closed());
    CHECK(read.read() == "a");
    CHECK(written("a\xe2", "utf-8", 9, "replace") == "a?");
}
