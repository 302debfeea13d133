// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>

#include <time.h>

#include "pyproc/posix/deadline.hpp"

namespace pyproc::posix::platform {

/// A word in memory that threads of any process that maps it can wait for.
using FutexWord = std::atomic<std::uint32_t>;
static_assert(FutexWord::is_always_lock_free);

/// Waits as long as `word` is `expected` and the deadline has not come, but half a
/// millisecond at the most: POSIX has nothing that a thread could sleep on and that is
/// still sound when a process that uses it is killed.
inline void futex_wait(const FutexWord& word, std::uint32_t expected,
                       Deadline deadline) noexcept {
    constexpr long longest_nap = 500'000;
    if (word.load() != expected || deadline.has_passed()) return;
    timespec nap{.tv_sec = 0, .tv_nsec = longest_nap};
    if (!deadline.is_never()) {
        const timespec left = deadline.remaining();
        if (left.tv_sec == 0 && left.tv_nsec < longest_nap) nap = left;
    }
    ::nanosleep(&nap, nullptr);
}

/// Nobody sleeps so that they would have to be woken.
inline void futex_wake(FutexWord&, int = INT_MAX) noexcept {}

}  // namespace pyproc::posix::platform
