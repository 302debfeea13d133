// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/monitor.hpp"

namespace pyproc::multiprocessing {

namespace detail {

/// A flag that can be waited for, in shared memory. Its word is odd while it is set, and
/// grows with each change, so a change is one store.
class EventState {
public:
    void set() noexcept {
        monitor_.lock();
        if (!is_set(word())) {
            monitor_.announce();
            word_.store(word() + 1, std::memory_order_release);
        }
        monitor_.unlock();
    }

    void clear() noexcept {
        monitor_.lock();
        if (is_set(word())) word_.store(word() + 1, std::memory_order_release);
        monitor_.unlock();
    }

    [[nodiscard]] bool is_set() const noexcept { return is_set(word()); }

    [[nodiscard]] bool wait_until(posix::Deadline deadline) noexcept {
        if (is_set()) return true;
        monitor_.lock();
        const std::uint32_t before = word();
        for (;;) {
            const bool has_come = is_set(word()) || word() != before;
            if (has_come || deadline.has_passed()) {
                monitor_.unlock();
                return has_come;
            }
            monitor_.unlock_and_sleep(deadline);
            // Most often the change has been made by now. To see that takes no lock, for
            // which all that wake would wait in line, behind those who set and clear.
            if (word() != before) return true;
            monitor_.lock();
        }
    }

private:
    [[nodiscard]] static bool is_set(std::uint32_t word) noexcept {
        return word % 2 == 1;
    }
    [[nodiscard]] std::uint32_t word() const noexcept {
        return word_.load(std::memory_order_acquire);
    }

    posix::Monitor monitor_;
    std::atomic<std::uint32_t> word_{0};
};

}  // namespace detail

/// A flag that processes can wait for, shared with those that this one forks from now on.
///
/// A process that is killed within any of these calls has changed the flag or has not,
/// and keeps nobody else from waiting or being woken.
///
/// Threads: any number at once, in any number of processes.
/// Python:  `multiprocessing.Event`.
class Event {
public:
    /// One that is not set. @throws OSError  ENOMEM.
    Event() : state_{detail::make_shared_state<detail::EventState>()} {}

    /// Sets the flag, and wakes all that wait for it.
    void set() noexcept { state_->set(); }

    void clear() noexcept { state_->clear(); }

    [[nodiscard]] bool is_set() const noexcept { return state_->is_set(); }

    /// Waits until the flag is set. One that is cleared again at once has been set all
    /// the same: no call that is waiting misses it. (Python's returns False then.)
    ///
    /// @param limit  What to wait at most; without end if it isn't given.
    /// @return Whether it was set.
    bool wait(posix::Timeout limit = {}) noexcept {
        return state_->wait_until(posix::Deadline::after(limit));
    }

private:
    std::shared_ptr<detail::EventState> state_;
};

}  // namespace pyproc::multiprocessing
