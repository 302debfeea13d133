// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <climits>
#include <cstdint>

#include <time.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/linux/system_call.hpp"

namespace pyproc::posix::platform {

/// A word in memory that threads of any process that maps it can sleep on.
using FutexWord = std::atomic<std::uint32_t>;
static_assert(FutexWord::is_always_lock_free && sizeof(FutexWord) == 4);

/// Sleeps as long as `word` is `expected`: until it is woken, or the deadline has come,
/// or for no reason. Does not sleep if it is another value by now.
///
/// Source: FUTEX_WAIT in futex(2), whose limit is taken by the steady clock.
inline void futex_wait(const FutexWord& word, std::uint32_t expected,
                       Deadline deadline) noexcept {
    constexpr long wait = 0;
    timespec left{};
    if (!deadline.is_never()) left = deadline.remaining();
    system_call(SYS_futex, address(&word), wait, static_cast<long>(expected),
                deadline.is_never() ? 0 : address(&left));
}

/// Wakes up to `count` threads that sleep on `word`.
///
/// Source: FUTEX_WAKE in futex(2).
inline void futex_wake(FutexWord& word, int count = INT_MAX) noexcept {
    constexpr long wake = 1;
    system_call(SYS_futex, address(&word), wake, count);
}

}  // namespace pyproc::posix::platform
