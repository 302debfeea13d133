// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/outcome.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

/// The result of a call that is made by a pool, once it is there. Copies stand for the
/// same result.
///
/// @tparam R  What the call returns; `void` if nothing.
///
/// Threads: any member may be called by any thread at any time; but moving the value out,
///          by `get` of a temporary, is for one thread, once.
/// Python:  `multiprocessing.pool.AsyncResult`.
template <class R>
class AsyncResult {
    using Value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;
    using State = detail::Outcome<Value>;

public:
    /// Of no call, until one is assigned: whatever it is asked until then, it throws
    /// `std::logic_error`.
    AsyncResult() noexcept = default;

    explicit AsyncResult(std::shared_ptr<State> state) noexcept
        : state_{std::move(state)} {}

    /// The value, waited for. It belongs to the result.
    ///
    /// @param limit  How long to wait: any chrono duration; without end if not given.
    /// @throws TimeoutError  The limit came first.
    /// @throws what the call has thrown: itself if it is of a type of C++'s or this
    ///         library's for errors, else as `RemoteError`. `WorkerDied`: its process has
    ///         ended. `TaskTimeout`: it took too long. `PoolTerminated`.
    std::add_lvalue_reference_t<const R> get(posix::Timeout limit = {}) const& {
        await(limit);
        if constexpr (std::is_void_v<R>) {
            static_cast<void>(state_->value());
        } else {
            return state_->value();
        }
    }

    /// The same, moved out: `pool.apply_async(f, x).get()`.
    R get(posix::Timeout limit = {}) && {
        await(limit);
        if constexpr (std::is_void_v<R>) {
            static_cast<void>(state_->value());
        } else {
            return std::move(state_->value());
        }
    }

    /// Waits until the call is done, or the limit has come. @return Whether it is done.
    bool wait(posix::Timeout limit = {}) const {
        return call().wait_until(posix::Deadline::after(limit));
    }

    /// Whether the call is done.
    [[nodiscard]] bool ready() const { return call().is_ready(); }

    /// Whether the call has returned, and not thrown.
    ///
    /// @throws ValueError  It is not done.
    [[nodiscard]] bool successful() const {
        if (!ready()) throw ValueError{"the result is not ready"};
        return !state_->failure();
    }

    /// Has a function called with the value, as soon as it is there and before those that
    /// wait for it are woken; or at once if it has been there already.
    ///
    /// It is called by a thread of the pool's, or by one that waits for a result, and
    /// should be quick. What it throws is written to stderr.
    ///
    ///     pool.apply_async(f, 3).callback(print).error_callback(log);
    const AsyncResult& callback(
        std::function<void(std::add_lvalue_reference_t<const Value>)> function) const {
        State* const state = &call();
        state_->call_when_done([state, function = std::move(function)] {
            if (!state->failure()) function(state->value());
        });
        return *this;
    }

    /// The same with what the call has thrown, if so.
    const AsyncResult& error_callback(
        std::function<void(const std::exception_ptr&)> function) const {
        State* const state = &call();
        state_->call_when_done([state, function = std::move(function)] {
            if (state->failure()) function(state->failure());
        });
        return *this;
    }

private:
    [[nodiscard]] State& call() const {
        if (!state_) throw std::logic_error{"a result of no call"};
        return *state_;
    }

    void await(posix::Timeout limit) const {
        if (!wait(limit)) throw TimeoutError{"get"};
    }

    std::shared_ptr<State> state_;
};

}  // namespace pyproc::multiprocessing
