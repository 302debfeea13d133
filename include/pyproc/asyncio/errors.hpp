// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>

#include "pyproc/errors.hpp"
#include "pyproc/subprocess/errors.hpp"

namespace pyproc::asyncio {

namespace asio = boost::asio;
using boost::system::error_code;

using subprocess::CalledProcessError;
using subprocess::SubprocessError;
using subprocess::TimeoutExpired;

/// A child wrote more than it was allowed to; it has been killed.
///
/// Python: `asyncio.LimitOverrunError`, which is about one line there.
class LimitOverrunError : public SubprocessError {
public:
    LimitOverrunError(std::string std_out, std::string std_err)
        : SubprocessError{"the child wrote more than the limit"},
          std_out_{std::move(std_out)},
          std_err_{std::move(std_err)} {}

    /// What it wrote, as far as the limit allows.
    [[nodiscard]] const std::string& std_out() const noexcept { return std_out_; }
    [[nodiscard]] const std::string& std_err() const noexcept { return std_err_; }

private:
    std::string std_out_;
    std::string std_err_;
};

/// The error code that says as much as it can of an exception; success for none.
///
/// An `OSError` is its errno, a `ValueError` EINVAL, text that can't be converted EILSEQ,
/// `TimeoutExpired` ETIMEDOUT, `LimitOverrunError` EMSGSIZE, no memory ENOMEM, and a
/// failed `preexec_fn` or, under `check`, a failed child ECHILD.
[[nodiscard]] inline error_code to_error_code(const std::exception_ptr& error) {
    if (error == nullptr) return {};
    const auto from_errno = [](int code) {
        return error_code{code, boost::system::system_category()};
    };
    try {
        std::rethrow_exception(error);
    } catch (const boost::system::system_error& failed) {
        return failed.code();
    } catch (const std::system_error& failed) {
        return from_errno(failed.code().value());
    } catch (const UnicodeDecodeError&) {
        return from_errno(EILSEQ);
    } catch (const UnicodeEncodeError&) {
        return from_errno(EILSEQ);
    } catch (const TimeoutExpired&) {
        return asio::error::timed_out;
    } catch (const LimitOverrunError&) {
        return asio::error::message_size;
    } catch (const SubprocessError&) {
        return from_errno(ECHILD);
    } catch (const std::bad_alloc&) {
        return asio::error::no_memory;
    } catch (const std::exception&) {
        return asio::error::invalid_argument;
    }
}

/// Whether a completion token turns an error into an exception: then it is the exception
/// that `subprocess` would throw, and else an `error_code`.
template <class Token>
inline constexpr bool throws_errors = false;
template <class Executor>
inline constexpr bool throws_errors<asio::use_awaitable_t<Executor>> = true;
template <class Allocator>
inline constexpr bool throws_errors<asio::use_future_t<Allocator>> = true;
template <class Token, class Executor>
inline constexpr bool throws_errors<asio::executor_binder<Token, Executor>> =
    throws_errors<Token>;
template <class Token, class Slot>
inline constexpr bool throws_errors<asio::cancellation_slot_binder<Token, Slot>> =
    throws_errors<Token>;
template <class Token, class Allocator>
inline constexpr bool throws_errors<asio::allocator_binder<Token, Allocator>> =
    throws_errors<Token>;

/// The first argument of a completion handler made from `Token`.
template <class Token>
using ErrorFor = std::conditional_t<throws_errors<std::remove_cvref_t<Token>>,
                                    std::exception_ptr, error_code>;

/// An exception as that argument.
template <class Error>
[[nodiscard]] Error to_error(std::exception_ptr error) {
    if constexpr (std::is_same_v<Error, std::exception_ptr>) {
        return error;
    } else {
        return to_error_code(error);
    }
}

}  // namespace pyproc::asyncio
