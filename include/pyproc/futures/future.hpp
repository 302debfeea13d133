// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>

#include "pyproc/errors.hpp"
#include "pyproc/futures/errors.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/outcome.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::futures {

namespace detail {

namespace tasks = multiprocessing::detail;

/// What a future stands for.
template <class R>
class FutureState : public tasks::CallOutcome<R> {
public:
    using tasks::CallOutcome<R>::CallOutcome;

    void posted(std::size_t, tasks::Ticket ticket) noexcept override {
        ticket_ = (std::uint64_t{ticket.slot} << 32U) | ticket.generation;
    }

    bool fail(std::size_t index, const std::exception_ptr& failure) noexcept override {
        try {
            std::rethrow_exception(failure);
        } catch (const CancelledError&) {
            is_cancelled_ = true;
        } catch (...) {
        }
        return tasks::CallOutcome<R>::fail(index, failure);
    }

    [[nodiscard]] bool is_cancelled() const noexcept { return is_cancelled_; }

    [[nodiscard]] bool is_running() const {
        const auto engine = this->engine();
        return engine && !this->is_ready() && engine->is_running(ticket());
    }

    [[nodiscard]] bool cancel(bool even_if_running) {
        bool is_withdrawn = false;
        {
            const std::lock_guard lock{cancelling_};
            const auto engine = this->engine();
            if (engine && !this->is_ready() && !is_cancelled_) {
                is_withdrawn =
                    even_if_running ? is_stopped_by(*engine) : engine->withdraw(ticket());
            }
            if (is_withdrawn) {
                static_cast<void>(fail(0, std::make_exception_ptr(CancelledError{})));
            }
        }
        // Without the lock: it calls what users have given it.
        if (is_withdrawn) this->finish();
        return is_cancelled_;
    }

private:
    [[nodiscard]] bool is_stopped_by(tasks::Engine& engine) const {
        for (std::uint64_t before = 0;;) {
            before = ticket_;
            if (engine.stop(ticket())) return true;
            // Else it has just been begun anew, under another ticket.
            if (before == ticket_) return false;
        }
    }

    [[nodiscard]] tasks::Ticket ticket() const noexcept {
        const std::uint64_t both = ticket_;
        return {static_cast<std::uint32_t>(both >> 32U),
                static_cast<std::uint32_t>(both)};
    }

    std::atomic<std::uint64_t> ticket_ = 0;
    std::atomic<bool> is_cancelled_ = false;
    std::mutex cancelling_;
};

}  // namespace detail

/// A call that an executor has made in another process, and its result once it is there.
/// Copies stand for the same call.
///
/// @tparam R  What the call returns; `void` if nothing.
///
/// Threads: any member may be called by any thread at any time; but moving the value out,
///          by `result` of a temporary, is for one thread, once.
/// Python:  `concurrent.futures.Future`.
template <class R>
class Future {
    using Value = std::conditional_t<std::is_void_v<R>, std::monostate, R>;

public:
    using State = detail::FutureState<Value>;

    /// Of no call, until one is assigned: whatever it is asked until then, it throws
    /// `std::logic_error`.
    Future() noexcept = default;

    explicit Future(std::shared_ptr<State> state) noexcept : state_{std::move(state)} {}

    /// What the call has returned, waited for. It belongs to the future.
    ///
    /// @param limit  How long to wait: any chrono duration; without end if not given.
    /// @throws TimeoutError       The limit came first.
    /// @throws CancelledError     It was cancelled.
    /// @throws BrokenProcessPool  The executor broke.
    /// @throws what the call has thrown: itself if it is of a type of C++'s or this
    ///         library's for errors, else as `RemoteError`. `WorkerDied`: its process has
    ///         ended, and the executor replaces workers. `TaskTimeout`: it took too long.
    std::add_lvalue_reference_t<const R> result(posix::Timeout limit = {}) const& {
        await(limit);
        if constexpr (std::is_void_v<R>) {
            static_cast<void>(state_->value());
        } else {
            return state_->value();
        }
    }

    /// The same, moved out: `executor.submit(f, x).result()`.
    R result(posix::Timeout limit = {}) && {
        await(limit);
        if constexpr (std::is_void_v<R>) {
            static_cast<void>(state_->value());
        } else {
            return std::move(state_->value());
        }
    }

    /// What the call has thrown, waited for; null if it has returned.
    ///
    /// @throws TimeoutError    The limit came first.
    /// @throws CancelledError  It was cancelled.
    [[nodiscard]] std::exception_ptr exception(posix::Timeout limit = {}) const {
        await(limit);
        if (state_->is_cancelled()) std::rethrow_exception(state_->failure());
        return state_->failure();
    }

    /// Whether it has ended: returned, thrown, or was cancelled.
    [[nodiscard]] bool done() const { return call().is_ready(); }

    /// Whether a worker has begun it, and it has not ended.
    [[nodiscard]] bool running() const { return call().is_running(); }

    /// Cancels it, unless a worker has begun it or it has ended.
    ///
    /// @return Whether it is cancelled, now or before.
    /// @throws std::logic_error  This process has it from its parent.
    bool cancel() const { return call().cancel(false); }

    /// Cancels it even if a worker has begun it: that worker is killed, and replaced.
    ///
    /// @return Whether it is cancelled; not if it has ended.
    /// @throws std::logic_error  This process has it from its parent.
    bool stop() const { return call().cancel(true); }

    /// Whether it was cancelled.
    [[nodiscard]] bool cancelled() const { return call().is_cancelled(); }

    /// Has a function called with this future once it has ended; at once if it has.
    ///
    /// It is called by a thread of the executor's, or by one that waits for a result or
    /// cancels, and should be quick. What it throws is written to stderr.
    void add_done_callback(std::function<void(Future)> function) const {
        State* const state = &call();
        state_->call_when_done([state, function = std::move(function)] {
            function(Future{std::static_pointer_cast<State>(state->shared_from_this())});
        });
    }

    /// What it stands for: the same for all copies.
    [[nodiscard]] const std::shared_ptr<State>& state() const noexcept { return state_; }

    /// Whether both are the same call.
    friend bool operator==(const Future& left, const Future& right) noexcept {
        return left.state_ == right.state_;
    }

private:
    [[nodiscard]] State& call() const {
        if (!state_) throw std::logic_error{"a future of no call"};
        return *state_;
    }

    void await(posix::Timeout limit) const {
        if (call().wait_until(posix::Deadline::after(limit))) return;
        throw TimeoutError{"result"};
    }

    std::shared_ptr<State> state_;
};

}  // namespace pyproc::futures
