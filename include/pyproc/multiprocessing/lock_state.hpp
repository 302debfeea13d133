// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstdint>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::multiprocessing::detail {

/// What the locks are, in shared memory: a robust lock, how often its owner has it, and
/// which deaths of owners have been told.
///
/// All but the lock itself is written by its owner alone.
class LockState {
public:
    explicit LockState(bool is_recursive) noexcept : is_recursive_{is_recursive} {}

    /// @return Whether the caller has it now; false: it had before, and may not twice.
    [[nodiscard]] bool lock() noexcept { return take(mutex_.lock()); }
    [[nodiscard]] bool try_lock() noexcept {
        return take(is_recursive_ ? mutex_.lock_until(posix::Deadline::after(at_once))
                                  : mutex_.try_lock());
    }
    [[nodiscard]] bool lock_until(posix::Deadline deadline) noexcept {
        return take(mutex_.lock_until(deadline));
    }

    /// @return Whether it was the caller's; otherwise nothing has changed.
    [[nodiscard]] bool unlock() noexcept {
        if (is_recursive_ && depth_.load(relaxed) > 1) {
            if (!is_mine()) return false;
            depth_.store(depth_.load(relaxed) - 1, relaxed);
            return true;
        }
        // Who unlocks another's lock must not settle what the owner has asked.
        if (is_settled() || is_mine()) settle();
        return mutex_.unlock();
    }

    /// Gives it up however often the caller, its owner, has it.
    /// @return What `lock_again` is to be given.
    [[nodiscard]] std::uint32_t unlock_wholly() noexcept {
        const std::uint32_t depth = depth_.load(relaxed);
        settle();
        mutex_.unlock();
        return depth;
    }
    void lock_again(std::uint32_t depth) noexcept {
        static_cast<void>(take(mutex_.lock()));
        depth_.store(depth, relaxed);
    }

    /// Whether the calling thread has it. Takes it for a moment if it is free.
    [[nodiscard]] bool is_mine() noexcept {
        const posix::Locked locked = mutex_.lock_until(posix::Deadline::after(at_once));
        if (locked == posix::Locked::already) return true;
        if (locked != posix::Locked::no) {
            note(locked);
            mutex_.unlock();
        }
        return false;
    }

    /// Whether nobody has it. Takes it for a moment if so.
    [[nodiscard]] bool is_free() noexcept {
        const posix::Locked locked = mutex_.try_lock();
        if (locked == posix::Locked::no || locked == posix::Locked::already) return false;
        note(locked);
        mutex_.unlock();
        return true;
    }

    [[nodiscard]] bool is_recursive() const noexcept { return is_recursive_; }

    /// How often an owner has died with it.
    [[nodiscard]] std::uint32_t deaths() const noexcept { return deaths_.load(relaxed); }

    /// Whether an owner has died and nobody has asked so since and gone on to unlock.
    [[nodiscard]] bool ask_for_death() noexcept {
        const std::uint32_t deaths = deaths_.load(relaxed);
        if (deaths == settled_.load(relaxed)) return false;
        asked_.store(deaths, relaxed);
        return true;
    }

private:
    static constexpr auto relaxed = std::memory_order_relaxed;
    static constexpr std::chrono::seconds at_once{0};

    [[nodiscard]] bool take(posix::Locked locked) noexcept {
        if (locked == posix::Locked::yes && !is_recursive_) return true;
        if (locked == posix::Locked::no) return false;
        if (locked == posix::Locked::already) {
            if (!is_recursive_) return false;
            depth_.store(depth_.load(relaxed) + 1, relaxed);
            return true;
        }
        note(locked);
        depth_.store(1, relaxed);
        return true;
    }

    void note(posix::Locked locked) noexcept {
        if (locked != posix::Locked::from_dead) return;
        deaths_.store(deaths_.load(relaxed) + 1, relaxed);
    }

    /// The owner knows by now. Before the unlocking: if it dies in between, that is one
    /// more death to tell.
    void settle() noexcept {
        if (!is_settled()) settled_.store(asked_.load(relaxed), relaxed);
    }
    [[nodiscard]] bool is_settled() const noexcept {
        return asked_.load(relaxed) == settled_.load(relaxed);
    }

    posix::RobustMutex mutex_;
    const bool is_recursive_;
    std::atomic<std::uint32_t> depth_{0};
    std::atomic<std::uint32_t> deaths_{0};
    std::atomic<std::uint32_t> asked_{0};    ///< how many of them a holder knew of
    std::atomic<std::uint32_t> settled_{0};  ///< the same, once it had unlocked
};

}  // namespace pyproc::multiprocessing::detail
