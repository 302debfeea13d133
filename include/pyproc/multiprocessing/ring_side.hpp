// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

#include "pyproc/multiprocessing/ring_areas.hpp"
#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::multiprocessing::detail {

/// What the producers of a `Ring` have, or its consumers: a lock, a position, what only
/// the lock's owner uses, and how many messages have passed.
///
/// In shared memory, where it was made.
struct alignas(128) RingSide {
    using Position = RingAreas::Position;

    explicit RingSide(Position first) noexcept
        : seen{first},
          notes{{first, 0}, {RingAreas::nowhere, 0}},
          position{first},
          blocked_at{RingAreas::nowhere} {}

    posix::RobustMutex mutex;

    /// The other side's position, as last seen.
    Position seen;

    /// How many messages had passed when `position` was `at`. In the one of the two
    /// that is not of the present position stands what may come next; so the count is
    /// right whether or not its writer lives to store the position.
    struct Note {
        std::atomic<Position> at;
        std::atomic<std::uint64_t> count;
    };
    Note notes[2];

    alignas(64) std::atomic<Position> position;

    /// Where the other side was when the lock's owner found that he had to wait for it.
    std::atomic<Position> blocked_at;

    [[nodiscard]] std::uint64_t count_at(Position now) const noexcept {
        // Acquired, both: who sees what was noted once the position had left `now` must
        // also see, when he looks again, that it has.
        const bool second = notes[1].at.load(std::memory_order_acquire) == now;
        return notes[second ? 1 : 0].count.load(std::memory_order_acquire);
    }

    /// To be called with the lock held, before the position becomes `next`.
    void note(Position next, std::uint64_t count) noexcept {
        const Position now = position.load(std::memory_order_relaxed);
        const bool second = notes[0].at.load(std::memory_order_relaxed) == now;
        Note& free = notes[second ? 1 : 0];
        // Released, so that who sees them sees that the position has left them.
        free.at.store(next, std::memory_order_release);
        free.count.store(count, std::memory_order_release);
    }

    /// The count, for those who do not have the lock.
    [[nodiscard]] std::uint64_t count() const noexcept {
        for (;;) {
            const Position now = position.load(std::memory_order_acquire);
            const std::uint64_t found = count_at(now);
            // A note is written again only once the position has left it.
            if (position.load(std::memory_order_relaxed) == now) return found;
        }
    }
};

}  // namespace pyproc::multiprocessing::detail
