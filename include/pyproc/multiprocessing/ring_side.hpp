// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::multiprocessing::detail {

/// What the producers of a ring have, or its consumers: a lock, a position, what only its
/// owner uses.
struct alignas(128) RingSide {
    using Position = std::uint64_t;

    explicit RingSide(Position first) noexcept
        : seen{first}, notes{{first, 0}, {~Position{0}, 0}}, position{first} {}

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

    [[nodiscard]] std::uint64_t count_at(Position now) const noexcept {
        const bool second = notes[1].at.load(std::memory_order_relaxed) == now;
        return notes[second ? 1 : 0].count.load(std::memory_order_acquire);
    }
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
