// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/platform_ipc.hpp"

namespace pyproc::posix {

/// Lets threads of any process that maps it sleep until something has changed that a lock
/// guards; no wake-up is lost, whoever is killed at whatever moment.
///
/// Who changes something holds the lock, calls `announce` *before* the change, makes the
/// change by one store, and unlocks. Who waits takes the lock, looks, and if there is
/// nothing yet calls `prepare`, unlocks, and calls `sleep`; then it starts over.
///
/// Why before: killed between a change and a call that tells of it, the changer would
/// leave sleepers that nobody wakes. This way they wake first; to look again they need
/// the lock, which they get when the change is made or its maker is dead. And a sleeper
/// that is killed leaves nothing but a flag that costs the next change one call too many.
///
/// All are woken, and not as many as the change can serve: one that is killed after it
/// was woken and before it has looked would be the only one to know.
class EventCount {
public:
    /// Wakes all that sleep. Costs no system call if there are none.
    ///
    /// The flag goes last: whoever is killed on the way leaves it set, and the next call
    /// does it all again. Were it cleared first, the next call would pass by those that
    /// still sleep.
    void announce() noexcept {
        if (is_awaited_.load(std::memory_order_relaxed) == 0) return;
        epoch_.fetch_add(1, std::memory_order_release);
        platform::futex_wake(epoch_);
        is_awaited_.store(0, std::memory_order_release);
    }

    /// To be called with the lock held. @return What `sleep` is to be given.
    [[nodiscard]] std::uint32_t prepare() noexcept {
        is_awaited_.store(1, std::memory_order_relaxed);
        return epoch_.load(std::memory_order_relaxed);
    }

    /// Sleeps until the next `announce` since `prepare`, or until the deadline, or less.
    void sleep(std::uint32_t prepared, Deadline deadline) const noexcept {
        platform::futex_wait(epoch_, prepared, deadline);
    }

private:
    platform::FutexWord is_awaited_{0};
    platform::FutexWord epoch_{0};
};

}  // namespace pyproc::posix
