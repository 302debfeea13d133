// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <pthread.h>
#include <time.h>

#include "pyproc/posix/thread_sanitizer.hpp"

namespace pyproc::posix::platform {

/// Locks a mutex, but waits no longer than `limit`: by the steady clock in glibc, and
/// where the C library has no such call by one that may be set meanwhile.
///
/// @return An error number, ETIMEDOUT among them; or 0.
/// Source: pthread_mutex_clocklock(3), in glibc since 2.30; pthread_mutex_timedlock(3).
[[nodiscard]] inline int lock_for(pthread_mutex_t& mutex, timespec limit) noexcept {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    constexpr clockid_t clock = CLOCK_MONOTONIC;
#else
    constexpr clockid_t clock = CLOCK_REALTIME;
#endif
    constexpr long second = 1'000'000'000;
    timespec until{};
    ::clock_gettime(clock, &until);
    until.tv_sec += limit.tv_sec;
    until.tv_nsec += limit.tv_nsec;
    if (until.tv_nsec >= second) {
        until.tv_nsec -= second;
        ++until.tv_sec;
    }
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 30)
    const int code = ::pthread_mutex_clocklock(&mutex, clock, &until);
    // ThreadSanitizer does not know the call.
    if (code == 0 || code == EOWNERDEAD) tell_sanitizer_of_lock(&mutex);
#else
    const int code = ::pthread_mutex_timedlock(&mutex, &until);
    // ThreadSanitizer takes this one for a failure.
    if (code == EOWNERDEAD) tell_sanitizer_of_lock(&mutex);
#endif
    return code;
}

}  // namespace pyproc::posix::platform
