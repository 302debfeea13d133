// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/errors.hpp"

#include <cerrno>
#include <exception>
#include <type_traits>

#include "support/asio.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;

namespace {

template <class Exception>
error_code code_of(Exception exception) {
    return to_error_code(std::make_exception_ptr(std::move(exception)));
}

}  // namespace

TEST_CASE("to_error_code: an exception becomes the code that says as much as it can") {
    CHECK_FALSE(to_error_code(nullptr));
    try {
        throw_os_error(EACCES, "open", "file");
    } catch (...) {
        CHECK(to_error_code(std::current_exception()) ==
              boost::system::errc::permission_denied);
    }
    CHECK(code_of(boost::system::system_error{asio::error::operation_aborted}) ==
          asio::error::operation_aborted);
    CHECK(code_of(ValueError{"x"}) == asio::error::invalid_argument);
    CHECK(code_of(UnicodeDecodeError{"utf-8", "x", 0, 1, "bad"}).value() == EILSEQ);
    CHECK(code_of(LimitOverrunError{"", ""}) == asio::error::message_size);
    CHECK(code_of(TimeoutExpired{spawn::Args{"x"}, std::chrono::seconds{1}}) ==
          asio::error::timed_out);
    CHECK(code_of(SubprocessError{"x"}).value() == ECHILD);
    CHECK(code_of(std::bad_alloc{}) == asio::error::no_memory);
}

TEST_CASE("ErrorFor: tokens that throw get exceptions, all others error codes") {
    const auto is_thrown = []<class Token>(const Token&) {
        return std::is_same_v<ErrorFor<Token>, std::exception_ptr>;
    };
    const asio::any_io_executor executor;
    asio::cancellation_signal cancel;

    CHECK(is_thrown(asio::use_awaitable));
    CHECK(is_thrown(asio::use_future));
    CHECK(is_thrown(asio::bind_executor(executor, asio::use_awaitable)));
    CHECK(is_thrown(asio::bind_cancellation_slot(cancel.slot(), asio::use_future)));
    CHECK_FALSE(is_thrown(asio::as_tuple(asio::use_awaitable)));
    CHECK_FALSE(is_thrown(asio::deferred));
    CHECK_FALSE(is_thrown([](error_code) {}));
}
