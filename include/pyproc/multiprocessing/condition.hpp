// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/lock.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/event_count.hpp"

namespace pyproc::multiprocessing {

namespace detail {

/// Who waits for a condition and who may go on, in shared memory; guarded by the
/// condition's lock.
///
/// Each waiter draws a ticket. A notification is for the tickets drawn by then, and is
/// not given to one of them but laid out for all: all are woken, and the first that have
/// the lock again take it. So one that has been killed, at whatever moment, takes nothing
/// with it that was meant for others.
class ConditionState {
public:
    using Ticket = std::uint64_t;

    [[nodiscard]] Ticket draw() noexcept {
        const Ticket ticket = next_.load(relaxed);
        next_.store(ticket + 1, relaxed);
        return ticket;
    }

    /// Whether the holder of a ticket may go on; if so, it must.
    [[nodiscard]] bool may_go_on(Ticket ticket) noexcept {
        if (ticket < all_below_.load(relaxed)) return true;
        const std::uint64_t left = left_.load(relaxed);
        if (ticket >= some_below_.load(relaxed) || left == 0) return false;
        left_.store(left - 1, relaxed);
        return true;
    }

    void notify(std::uint64_t count) noexcept {
        changed.announce();
        const Ticket next = next_.load(relaxed);
        const Ticket before = some_below_.load(relaxed);
        const std::uint64_t left = left_.load(relaxed);
        if (left != 0 && before == next) {
            const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - left;
            left_.store(left + (count < room ? count : room), relaxed);
            return;
        }
        // Those that the last notification was for have not all come yet, or were fewer
        // than it could serve. Newer tickets must not take from them, so all of them may
        // go on. Killed after any of these stores, this serves too many, never too few.
        if (left != 0) all_below_.store(before, relaxed);
        some_below_.store(next, relaxed);
        left_.store(count, relaxed);
    }

    void notify_all() noexcept {
        changed.announce();
        all_below_.store(next_.load(relaxed), relaxed);
    }

    posix::EventCount changed;

private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    std::atomic<Ticket> next_{0};
    std::atomic<Ticket> all_below_{0};    ///< these may all go on
    std::atomic<Ticket> some_below_{0};   ///< of these
    std::atomic<std::uint64_t> left_{0};  ///< so many may
};

}  // namespace detail

/// A lock, and a way to wait, with the lock given up meanwhile, for what others change
/// while they have it. Shared with the processes that this one forks from now on.
///
///     Condition condition;
///     {
///         const std::scoped_lock guard{condition};
///         condition.wait_for([&] { return shared->count > 0; });
///     }
///
/// It locks as its lock does: `owner_died` tells of a holder that has died. A waiter that
/// is killed takes no notification with it. If one that should have notified is killed
/// while it has the lock, all waiters are woken within a tenth of a second and look for
/// themselves at what it has left.
///
/// So `wait` may return without having been notified: after such a death, and if
/// notifications come faster than those they are for can take them.
///
/// Threads: any number at once, in any number of processes.
/// Python:  `multiprocessing.Condition`.
class Condition : public detail::AnyLock {
public:
    /// On an RLock of its own. @throws OSError  ENOMEM.
    Condition() : Condition{RLock{}} {}

    /// On the given lock, which other conditions may be on, too, and which may be used,
    /// or destroyed, by itself.
    explicit Condition(const Lock& lock) : AnyLock{lock.state()} {}
    explicit Condition(const RLock& lock) : AnyLock{lock.state()} {}

    /// Waits until it is notified. Called and left with the lock, which is given up
    /// meanwhile, an RLock however often it was taken.
    ///
    /// @param limit  What to wait at most; without end if it isn't given. Getting the
    /// lock
    ///               back may take longer.
    /// @return Whether it was notified, or woken by a death; false at the limit.
    /// @throws std::logic_error  The calling thread does not have the lock.
    bool wait(posix::Timeout limit = {}) {
        return wait_until(posix::Deadline::after(limit));
    }

    /// Waits until `predicate()`, which is asked with the lock.
    ///
    /// @return What the predicate said last: false at the limit.
    /// @throws std::logic_error  The calling thread does not have the lock.
    template <class Predicate>
    bool wait_for(Predicate predicate, posix::Timeout limit = {}) {
        const auto deadline = posix::Deadline::after(limit);
        for (;;) {
            if (predicate()) return true;
            if (!wait_until(deadline)) return static_cast<bool>(predicate());
        }
    }

    /// Lets `count` of those go on that wait now, or all, if they are fewer. They do once
    /// they have the lock.
    ///
    /// @throws std::logic_error  The calling thread does not have the lock.
    /// @throws ValueError        `count` is negative.
    void notify(int count = 1) {
        if (count < 0) throw ValueError{"n must not be negative"};
        require_lock("lock is not owned");
        if (count > 0) waiting_->notify(static_cast<std::uint64_t>(count));
    }

    /// Lets all go on that wait now.
    ///
    /// @throws std::logic_error  The calling thread does not have the lock.
    void notify_all() {
        require_lock("lock is not owned");
        waiting_->notify_all();
    }

private:
    /// A death wakes nobody by itself: the kernel wakes one of those that wait for the
    /// lock, and those that wait here do not. So they ask for it now and then; if its
    /// owner is dead, the first gets it and the others see that.
    static constexpr std::chrono::milliseconds longest_sleep{100};

    void require_lock(const char* otherwise) const {
        if (!state()->is_mine()) throw std::logic_error{otherwise};
    }

    bool wait_until(posix::Deadline deadline) {
        require_lock("must acquire() condition before using wait()");
        detail::LockState& lock = *state();
        const std::uint32_t deaths = lock.deaths();
        const auto ticket = waiting_->draw();
        // With no time at all the lock is given up all the same: who asks in a loop would
        // keep out everybody that could change what it waits for.
        for (bool has_slept = false;; has_slept = true) {
            if (waiting_->may_go_on(ticket)) return true;
            if (lock.deaths() != deaths) {
                waiting_->changed.announce();  // the others may as well know at once
                return true;
            }
            if (has_slept && deadline.has_passed()) return false;
            const std::uint32_t prepared = waiting_->changed.prepare();
            const std::uint32_t depth = lock.unlock_wholly();
            waiting_->changed.sleep(
                prepared, posix::Deadline::after(longest_sleep).or_earlier(deadline));
            lock.lock_again(depth);
        }
    }

    std::shared_ptr<detail::ConditionState> waiting_ =
        detail::make_shared_state<detail::ConditionState>();
};

}  // namespace pyproc::multiprocessing
