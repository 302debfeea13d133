// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdlib>

#include <pthread.h>
#include <time.h>

#include "pyproc/posix/deadline.hpp"

namespace pyproc::posix {

/// What came of an attempt to lock.
enum class Locked {
    no,         ///< another thread has it
    yes,        ///< it is the caller's
    from_dead,  ///< it is the caller's, and its last owner ended while holding it
};

/// A lock in shared memory, for the threads of all processes that map it. One whose owner
/// ends, killed or not, is handed on to the next that asks for it, who is told.
///
/// It must stay where it was made, and nobody may use it before it has been made or after
/// the memory is gone. It is never destroyed: it holds nothing but its own bytes.
///
/// Source: pthread_mutexattr_setrobust(3), pthread_mutex_consistent(3).
class RobustMutex {
public:
    RobustMutex() noexcept {
        pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
        ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
        ::pthread_mutex_init(&mutex_, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
    RobustMutex(const RobustMutex&) = delete;
    RobustMutex& operator=(const RobustMutex&) = delete;

    /// Sleeps until the lock is the caller's. A thread that has it must not ask again.
    Locked lock() noexcept { return settle(::pthread_mutex_lock(&mutex_)); }

    [[nodiscard]] Locked try_lock() noexcept {
        return settle(::pthread_mutex_trylock(&mutex_));
    }

    /// Sleeps until the lock is the caller's or the deadline has come.
    [[nodiscard]] Locked lock_until(Deadline deadline) noexcept {
        if (deadline.is_never()) return lock();
        // The clock of this call is one that may be set. So time is up only when the
        // steady clock says so, and each attempt is short enough to notice that it is.
        for (;;) {
            const timespec until = in_real_time(deadline);
            const int code = ::pthread_mutex_timedlock(&mutex_, &until);
            if (code != ETIMEDOUT || deadline.has_passed()) return settle(code);
        }
    }

    void unlock() noexcept { ::pthread_mutex_unlock(&mutex_); }

private:
    [[nodiscard]] Locked settle(int code) noexcept {
        if (code == 0) return Locked::yes;
        if (code != EOWNERDEAD) return Locked::no;
        ::pthread_mutex_consistent(&mutex_);
        return Locked::from_dead;
    }

    [[nodiscard]] static timespec in_real_time(Deadline deadline) noexcept {
        constexpr long second = 1'000'000'000;
        constexpr timespec longest{.tv_sec = 1, .tv_nsec = 0};
        timespec left = deadline.remaining();
        if (left.tv_sec >= longest.tv_sec) left = longest;
        timespec until{};
        ::clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += left.tv_sec;
        until.tv_nsec += left.tv_nsec;
        if (until.tv_nsec >= second) {
            until.tv_nsec -= second;
            ++until.tv_sec;
        }
        return until;
    }

    pthread_mutex_t mutex_;
};

}  // namespace pyproc::posix
