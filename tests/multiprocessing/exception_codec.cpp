// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/exception_codec.hpp"

#include <cerrno>
#include <exception>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <typeinfo>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using pyproc::multiprocessing::detail::decode_exception;
using pyproc::multiprocessing::detail::encode_exception;

namespace {

struct OwnError : std::runtime_error {
    using std::runtime_error::runtime_error;
};

std::exception_ptr sent(const std::exception_ptr& exception) {
    return decode_exception(encode_exception(exception));
}

/// Whether it arrives as the very same type with the same text.
template <class E>
bool arrives_as_itself(const E& error) {
    try {
        std::rethrow_exception(sent(std::make_exception_ptr(error)));
    } catch (const E& arrived) {
        return typeid(arrived) == typeid(E) &&
               std::string{arrived.what()} == error.what();
    } catch (...) {
    }
    return false;
}

/// The type and the message of the RemoteError as which it arrives.
template <class E>
std::string arrives_as(const E& error) {
    try {
        std::rethrow_exception(sent(std::make_exception_ptr(error)));
    } catch (const RemoteError& arrived) {
        return arrived.type_name() + '|' + arrived.message();
    } catch (...) {
    }
    return "something else";
}

}  // namespace

TEST_CASE(
    "decode_exception: the standard types that a text is all of arrive as they are") {
    CHECK(arrives_as_itself(std::runtime_error{"text"}));
    CHECK(arrives_as_itself(std::logic_error{"text"}));
    CHECK(arrives_as_itself(std::invalid_argument{""}));
    CHECK(arrives_as_itself(std::out_of_range{"text"}));
    CHECK(arrives_as_itself(std::domain_error{"text"}));
    CHECK(arrives_as_itself(std::length_error{"text"}));
    CHECK(arrives_as_itself(std::range_error{"text"}));
    CHECK(arrives_as_itself(std::overflow_error{"text"}));
    CHECK(arrives_as_itself(std::underflow_error{"text"}));
    CHECK(arrives_as_itself(std::bad_alloc{}));
}

TEST_CASE("decode_exception: the library's own errors arrive as they are") {
    CHECK(arrives_as_itself(ValueError{"text"}));
    CHECK(arrives_as_itself(EOFError{"text"}));
    CHECK(arrives_as_itself(DecodeError{"text"}));
    CHECK(arrives_as_itself(OSError{EIO, "read", "a file"}));
    CHECK(arrives_as_itself(OSError{EIO, "read"}));
    CHECK(arrives_as_itself(FileNotFoundError{ENOENT, "open", "it's 'here'"}));
    CHECK(arrives_as_itself(PermissionError{EACCES, "", "file"}));
    CHECK(arrives_as_itself(TimeoutError{"get"}));
    CHECK(arrives_as_itself(BrokenPipeError{EPIPE, "write"}));
}

TEST_CASE("decode_exception: the code and the file of an OSError come along") {
    try {
        std::rethrow_exception(
            sent(std::make_exception_ptr(FileExistsError{EEXIST, "mkdir", "dir"})));
    } catch (const FileExistsError& error) {
        CHECK(error.code().value() == EEXIST);
        CHECK(error.filename() == "dir");
    }
}

TEST_CASE(
    "decode_exception: a system_error comes along with its category, if C++ has it") {
    const std::error_code codes[] = {{EIO, std::generic_category()},
                                     {EIO, std::system_category()}};
    for (const std::error_code& code : codes) {
        try {
            std::rethrow_exception(
                sent(std::make_exception_ptr(std::system_error{code, "reading"})));
        } catch (const std::system_error& error) {
            CHECK(error.code() == code);
            CHECK(typeid(error) == typeid(std::system_error));
            CHECK(error.what() == std::string{std::system_error{code, "reading"}.what()});
        }
    }
    CHECK_THAT(arrives_as(std::future_error{std::future_errc::broken_promise}),
               test::Contains("future_error|"));
}

TEST_CASE("decode_exception: all others arrive as RemoteError, with type and message") {
    CHECK_THAT(arrives_as(OwnError{"mine"}), test::EndsWith("OwnError|mine"));
    CHECK_THAT(arrives_as(std::bad_array_new_length{}),
               test::Contains("std::bad_array_new_length|"));
    CHECK(arrives_as(5) == "int|");
    CHECK(arrives_as(std::string{"text"}) == "std::string|text");
    CHECK(arrives_as(static_cast<const char*>("text")) == "const char*|text");
    CHECK(arrives_as(static_cast<const char*>(nullptr)) == "const char*|");
}

TEST_CASE(
    "decode_exception: one that has come from afar already stays what it was there") {
    CHECK(arrives_as(RemoteError{"their::Error", "far"}) == "their::Error|far");
}

TEST_CASE("decode_exception: bytes that are no exception are an error of their own") {
    const std::vector<std::byte> few(3);

    CHECK_THROWS_AS(decode_exception(few), DecodeError);
}
