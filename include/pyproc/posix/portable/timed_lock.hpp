// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <pthread.h>
#include <time.h>

#include "pyproc/posix/thread_sanitizer.hpp"

namespace pyproc::posix::platform {

/// Locks a mutex, but waits no longer than `limit`: by a clock that may be set meanwhile,
/// since POSIX has had no other for this until 2024.
///
/// @return An error number, ETIMEDOUT among them; or 0.
/// Source: pthread_mutex_timedlock(3).
[[nodiscard]] inline int lock_for(pthread_mutex_t& mutex, timespec limit) noexcept {
    constexpr long second = 1'000'000'000;
    timespec until{};
    ::clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += limit.tv_sec;
    until.tv_nsec += limit.tv_nsec;
    if (until.tv_nsec >= second) {
        until.tv_nsec -= second;
        ++until.tv_sec;
    }
    const int code = ::pthread_mutex_timedlock(&mutex, &until);
    // ThreadSanitizer takes this one for a failure.
    if (code == EOWNERDEAD) tell_sanitizer_of_lock(&mutex);
    return code;
}

}  // namespace pyproc::posix::platform
