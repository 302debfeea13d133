// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <climits>
#include <memory>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/monitor.hpp"

namespace pyproc::multiprocessing {

namespace detail {

/// A counter that can be waited for, in shared memory. Each change is one store, so
/// nothing is ever half-done and there is nothing to repair.
class SemaphoreState {
public:
    SemaphoreState(int value, int largest) noexcept : value_{value}, largest_{largest} {}

    [[nodiscard]] bool acquire_until(posix::Deadline deadline) noexcept {
        monitor_.lock();
        const bool is_there = monitor_.wait_until([&]() noexcept { return value() > 0; },
                                                  deadline, []() noexcept {});
        if (is_there) value_.store(value() - 1, std::memory_order_relaxed);
        monitor_.unlock();
        return is_there;
    }

    /// @return Whether there was room for so many.
    [[nodiscard]] bool release(int count) noexcept {
        monitor_.lock();
        const bool has_room = count <= largest_ - value();
        if (has_room) {
            monitor_.announce();
            value_.store(value() + count, std::memory_order_relaxed);
        }
        monitor_.unlock();
        return has_room;
    }

    [[nodiscard]] int value() const noexcept {
        return value_.load(std::memory_order_relaxed);
    }

private:
    posix::Monitor monitor_;
    std::atomic<int> value_;
    const int largest_;
};

}  // namespace detail

/// A number of permits, shared with the processes that this one forks from now on.
///
/// Permits have no owner: any thread of any process may release what another one has
/// acquired, and what a process has when it dies is not given back. But whenever one is
/// killed, within any of these calls too, the number of permits is one that it was or was
/// about to be, and no other process is kept from getting what is there.
///
/// Threads: any number at once, in any number of processes.
/// Python:  `multiprocessing.Semaphore`.
class Semaphore {
public:
    /// @throws ValueError  `value` is negative.
    /// @throws OSError     ENOMEM.
    explicit Semaphore(int value = 1) : Semaphore{value, INT_MAX} {}

    /// Waits until there is a permit, and takes it. @return true.
    bool acquire() noexcept { return state_->acquire_until({}); }

    /// The same, but waits no longer than `limit`. @return Whether it has got one.
    [[nodiscard]] bool acquire(posix::Timeout limit) noexcept {
        return state_->acquire_until(posix::Deadline::after(limit));
    }

    /// Takes a permit if there is one. @return Whether there was.
    [[nodiscard]] bool try_acquire() noexcept {
        return acquire(std::chrono::nanoseconds{0});
    }

    /// Gives back `count` permits, or adds new ones.
    ///
    /// @throws ValueError  There would be more than a bounded semaphore began with, or
    ///                     than an int can count; or `count` is less than 1. Nothing has
    ///                     changed.
    void release(int count = 1) {
        if (count < 1) throw ValueError{"n must be one or more"};
        if (!state_->release(count)) {
            throw ValueError{"semaphore or lock released too many times"};
        }
    }

    /// How many permits there are just now.
    [[nodiscard]] int get_value() const noexcept { return state_->value(); }

protected:
    Semaphore(int value, int largest)
        : state_{detail::make_shared_state<detail::SemaphoreState>(checked(value),
                                                                   largest)} {}

private:
    [[nodiscard]] static int checked(int value) {
        if (value < 0) throw ValueError{"semaphore initial value must be >= 0"};
        return value;
    }

    std::shared_ptr<detail::SemaphoreState> state_;
};

/// A `Semaphore` that refuses to have more permits than it began with.
///
/// Python: `multiprocessing.BoundedSemaphore`.
class BoundedSemaphore : public Semaphore {
public:
    /// @throws ValueError  `value` is negative.
    /// @throws OSError     ENOMEM.
    explicit BoundedSemaphore(int value = 1) : Semaphore{value, value} {}
};

}  // namespace pyproc::multiprocessing
