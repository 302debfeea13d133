// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/lock_state.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

/// The last owner of a lock has died while holding it, so what the lock guards may be
/// half-changed.
class OwnerDied : public std::runtime_error {
public:
    OwnerDied() : std::runtime_error{"the owner of the lock has died holding it"} {}
};

/// A thread has released a lock that it does not have.
///
/// Python: AssertionError for an RLock, and ValueError for a Lock that nobody has. A Lock
/// that another one has, anybody may release there; here nobody can.
class NotOwnerError : public ValueError {
    using ValueError::ValueError;
};

namespace detail {

/// What `Lock`, `RLock` and `Condition` have in common: all that locks.
class AnyLock {
public:
    AnyLock(AnyLock&&) noexcept = default;
    AnyLock& operator=(AnyLock&& other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }

    /// Waits until the lock is the caller's.
    ///
    /// @throws OSError  EDEADLK: the calling thread has this `Lock` already. Python waits
    ///                  for ever.
    void lock() {
        if (!state_->lock()) throw_os_error(EDEADLK, "lock");
    }

    /// @return Whether the lock is the caller's now; false if it is taken.
    [[nodiscard]] bool try_lock() noexcept { return state_->try_lock(); }

    /// Waits until the lock is the caller's, but no longer than `limit`; not at all for a
    /// `Lock` that the calling thread has already.
    [[nodiscard]] bool try_lock_for(posix::Timeout limit) noexcept {
        return state_->lock_until(posix::Deadline::after(limit));
    }

    /// Waits until the lock is the caller's, but no longer than to a point in time.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(std::chrono::time_point<Clock, Duration> when) {
        for (;;) {
            // The clock may be one that can be set, so that it has the last word.
            if (try_lock_for(when - Clock::now())) return true;
            if (Clock::now() >= when || state_->is_mine()) return false;
        }
    }

    /// Gives the lock up; an RLock once for each time it was taken.
    ///
    /// A guard that does this for a lock that is not its thread's ends the program: the
    /// exception leaves its destructor.
    ///
    /// @throws NotOwnerError  The calling thread, in this process, does not have it.
    void unlock() {
        if (!state_->unlock()) throw_not_owner();
    }

    /// As `lock`. Python: `acquire()`. @return true.
    bool acquire() {
        lock();
        return true;
    }

    /// As `try_lock_for`. Python: `acquire(timeout=limit)`.
    [[nodiscard]] bool acquire(posix::Timeout limit) noexcept {
        return try_lock_for(limit);
    }

    /// As `unlock`. Python: `release()`.
    void release() { unlock(); }

    /// Whether an owner has died holding the lock: to be asked by one that has it, who
    /// then looks after what it guards.
    ///
    ///     const std::scoped_lock guard{lock};
    ///     if (lock.owner_died()) repair(table);
    ///
    /// True until the first one that has asked gives the lock up. So a holder that does
    /// not care swallows nothing, and if the one that repairs dies, too, the next is told
    /// again.
    ///
    /// Taking the lock succeeds after a death as always. If it threw, it would say both
    /// that the lock is taken, which is what the next one must be able to rely on while
    /// it repairs, and that it is not, which is what every guard makes of an exception:
    /// then nobody would ever release it.
    [[nodiscard]] bool owner_died() noexcept { return state_->ask_for_death(); }

    /// @throws OwnerDied  An owner has died holding the lock; see `owner_died`. The
    /// caller
    ///                    still has it, so call this when a guard releases it.
    void raise_if_owner_died() {
        if (owner_died()) throw OwnerDied{};
    }

protected:
    explicit AnyLock(std::shared_ptr<LockState> state) noexcept
        : state_{std::move(state)} {}
    ~AnyLock() {
        // Memory that goes while it is locked would stay on this thread's list of locks.
        if (state_.use_count() != 1) return;
        while (state_->is_mine() && state_->unlock()) {
        }
    }

    [[nodiscard]] const std::shared_ptr<LockState>& state() const noexcept {
        return state_;
    }

private:
    [[noreturn]] void throw_not_owner() {
        if (state_->is_recursive()) {
            throw NotOwnerError{"attempt to release recursive lock not owned by thread"};
        }
        if (state_->is_free()) {
            throw NotOwnerError{"semaphore or lock released too many times"};
        }
        throw NotOwnerError{"attempt to release lock not owned by thread"};
    }

    std::shared_ptr<LockState> state_;
};

}  // namespace detail

/// A lock for the threads of this process and of those that it forks from now on.
///
///     Lock lock;
///     Process p([&] { const std::scoped_lock guard{lock}; ... });
///
/// If a process or thread ends while it has the lock, killed or not, the lock is handed
/// on to the next that asks, and `owner_died` says so. A forked child has none of the
/// locks that its parent has.
///
/// Linux hands on the latest 2,048 locks, at the most, of a thread that ends with more.
///
/// A Lock that has been moved from may only be assigned to or destroyed. One that a
/// thread still has may be destroyed by that thread alone.
///
/// Threads: any number at once, in any number of processes.
/// Python:  `multiprocessing.Lock`, which whoever dies leaves locked for ever.
class Lock : public detail::AnyLock {
public:
    /// @throws OSError  ENOMEM.
    Lock() : AnyLock{detail::make_shared_state<detail::LockState>(false)} {}

private:
    friend class Condition;
};

/// A lock that its owner, a thread of a process, may take again, and must then release as
/// often. Else as `Lock`.
///
/// Python: `multiprocessing.RLock`.
class RLock : public detail::AnyLock {
public:
    /// @throws OSError  ENOMEM.
    RLock() : AnyLock{detail::make_shared_state<detail::LockState>(true)} {}

private:
    friend class Condition;
};

}  // namespace pyproc::multiprocessing
