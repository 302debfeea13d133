// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <pthread.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/platform_ipc.hpp"

namespace pyproc::posix {

/// What came of an attempt to lock.
enum class Locked {
    no,         ///< another thread has it
    yes,        ///< it is the caller's
    from_dead,  ///< it is the caller's, and its last owner ended while holding it
    already,    ///< it was the caller's before, and is still, as if it had not asked
};

/// A lock in shared memory, for the threads of all processes that map it. One whose owner
/// ends, killed or not, is handed on to the next that asks for it, who is told.
///
/// A forked child owns none of its parent's locks.
///
/// It must stay where it was made, and nobody may use it before it has been made or after
/// the memory is gone; nor may the memory go while a thread of this process has it. It is
/// never destroyed: it holds nothing but its own bytes.
///
/// Source: pthread_mutexattr_setrobust(3), pthread_mutex_consistent(3).
class RobustMutex {
public:
    RobustMutex() noexcept {
        pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        // Costs nothing where the lock is free, and knows who asks again.
        ::pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ERRORCHECK);
        ::pthread_mutex_init(&mutex_, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
    RobustMutex(const RobustMutex&) = delete;
    RobustMutex& operator=(const RobustMutex&) = delete;

    /// Sleeps until the lock is the caller's. @return Never `Locked::no`.
    Locked lock() noexcept { return lock_until(Deadline{}); }

    /// @return Where POSIX alone counts, `Locked::no` may stand for `Locked::already`.
    [[nodiscard]] Locked try_lock() noexcept {
        return settle(::pthread_mutex_trylock(&mutex_));
    }

    /// Sleeps until the lock is the caller's or the deadline has come.
    ///
    /// Looks again from time to time, because a wake-up can be lost with the process that
    /// it was for. The owner unlocks and wakes one of those that wait; before that one
    /// has come to it, a third takes the lock, which does not say any more that others
    /// wait; now the one that was woken is killed. The kernel passes a wake-up on only if
    /// it finds the lock free, so when the third unlocks it wakes nobody. (Seen with
    /// glibc 2.36 on Linux 6.18: handle_futex_death in kernel/futex/core.c.)
    [[nodiscard]] Locked lock_until(Deadline deadline) noexcept {
        constexpr std::chrono::milliseconds longest_sleep{100};
        int code = ::pthread_mutex_trylock(&mutex_);
        if (code != EBUSY) return settle(code);
        do {
            const Deadline next = Deadline::after(longest_sleep).or_earlier(deadline);
            code = platform::lock_for(mutex_, next.remaining());
        } while (code == ETIMEDOUT && !deadline.has_passed());
        return settle(code);
    }

    /// @return Whether it was the caller's; otherwise nothing has changed.
    bool unlock() noexcept { return ::pthread_mutex_unlock(&mutex_) == 0; }

private:
    [[nodiscard]] Locked settle(int code) noexcept {
        if (code == 0) return Locked::yes;
        if (code == EDEADLK) return Locked::already;
        if (code != EOWNERDEAD) return Locked::no;
        ::pthread_mutex_consistent(&mutex_);
        return Locked::from_dead;
    }

    pthread_mutex_t mutex_;
};

}  // namespace pyproc::posix
