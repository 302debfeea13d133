// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/monitor.hpp"
#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::multiprocessing::detail {

/// What came of waiting at a barrier.
enum class Passing { passed, broken, is_last };

/// A barrier in shared memory, with a place for each thread that uses it.
///
/// A place has a lock that its thread has from its first wait until it ends: who can take
/// the lock knows that the thread has died. Rounds are counted, and what ends one is a
/// single store. Who dies while it has the monitor has broken the barrier.
class BarrierState {
public:
    /// One thread's place. Its fields are guarded by the monitor.
    struct Place {
        posix::RobustMutex life;              ///< locked while it is taken
        std::atomic<std::uint64_t> round{0};  ///< that its thread was last in; 0: free
        std::atomic<bool> is_waiting{false};
        std::atomic<bool> is_turned_away{false};  ///< by a reset, from that round
    };

    BarrierState(int parties, unsigned places) noexcept
        : parties_{parties}, places_{places} {
        // The places stand behind the object. Making one writes to its page, so that is
        // left to the first that takes it.
    }

    /// Space to be had behind the object.
    [[nodiscard]] static std::size_t space_for(unsigned places) noexcept {
        return places * sizeof(Place);
    }

    [[nodiscard]] int parties() const noexcept { return parties_; }

    /// Finds a free place and takes it. @return False if there is none.
    [[nodiscard]] bool take_place(unsigned& number) noexcept {
        lock();
        bool is_there = find_place(number);
        if (!is_there) {
            // Those of the dead are given back by who waits, and nobody may have had to.
            if (has_dead_party(places_)) break_up();
            is_there = find_place(number);
        }
        unlock();
        return is_there;
    }

    void leave_place(unsigned number) noexcept {
        lock();
        place(number).round.store(0, relaxed);
        place(number).life.unlock();
        unlock();
    }

    /// Arrives, and waits for the others unless it is the last.
    ///
    /// @param index  How many have come before, in this round.
    /// @param wants_to_act  Whether the last is to return `is_last` before the others may
    ///               go on; it then calls `finish`.
    [[nodiscard]] Passing wait(unsigned number, posix::Deadline deadline,
                               bool wants_to_act, int& index) noexcept {
        lock();
        const Passing result = wait_locked(number, deadline, wants_to_act, index);
        unlock();
        return result;
    }

    /// Lets those of the round go on, after the last has acted. @return Whether they can:
    /// not if the barrier was broken or reset meanwhile.
    [[nodiscard]] bool finish(unsigned number) noexcept {
        lock();
        const bool is_well = passing(place(number)) == Passing::is_last;
        place(number).is_waiting.store(false, relaxed);
        if (is_well) end_round();
        unlock();
        return is_well;
    }

    void abort() noexcept {
        lock();
        break_up();
        unlock();
    }

    void reset() noexcept {
        lock();
        monitor_.announce();
        const std::uint64_t now = round_.load(relaxed);
        for (unsigned i = 0; i < used_.load(relaxed); ++i) {
            Place& each = place(i);
            if (each.round.load(relaxed) == now && each.is_waiting.load(relaxed)) {
                each.is_turned_away.store(true, relaxed);
            }
        }
        count_.store(0, relaxed);
        is_broken_.store(false, relaxed);
        // By two, so that who has died in the last round counts no more.
        round_.store(now + 2, relaxed);
        unlock();
    }

    [[nodiscard]] int n_waiting() noexcept {
        lock();
        const int count = is_broken_.load(relaxed) ? 0 : count_.load(relaxed);
        unlock();
        return count == parties_ ? 0 : count;  // they are on their way
    }

    [[nodiscard]] bool is_broken() noexcept {
        lock();
        const bool is_broken = is_broken_.load(relaxed);
        unlock();
        return is_broken;
    }

private:
    static constexpr auto relaxed = std::memory_order_relaxed;

    /// A death wakes nobody, so those that wait look now and then.
    static constexpr std::chrono::milliseconds longest_sleep{100};

    [[nodiscard]] Place& place(unsigned number) noexcept {
        return reinterpret_cast<Place*>(this + 1)[number];
    }

    void lock() noexcept {
        if (monitor_.lock() == posix::Locked::from_dead) break_up();
    }
    void unlock() noexcept { monitor_.unlock(); }

    void break_up() noexcept {
        monitor_.announce();
        is_broken_.store(true, relaxed);
    }

    void end_round() noexcept {
        monitor_.announce();
        count_.store(0, relaxed);
        round_.store(round_.load(relaxed) + 1, relaxed);
    }

    [[nodiscard]] bool find_place(unsigned& number) noexcept {
        const unsigned used = used_.load(relaxed);
        unsigned i = 0;
        while (i < used && !try_take(place(i))) ++i;
        if (i == used && i < places_) {
            new (&place(i)) Place;
            place(i).life.lock();
            used_.store(used + 1, relaxed);
        }
        number = i;
        return i < places_;
    }

    [[nodiscard]] static bool try_take(Place& place) noexcept {
        if (place.round.load(relaxed) != 0) return false;
        const posix::Locked locked = place.life.try_lock();
        return locked == posix::Locked::yes || locked == posix::Locked::from_dead;
    }

    /// What has become of the round that a place's thread waits in; `is_last`: nothing.
    [[nodiscard]] Passing passing(const Place& mine) const noexcept {
        if (mine.is_turned_away.load(relaxed)) return Passing::broken;
        if (mine.round.load(relaxed) != round_.load(relaxed)) return Passing::passed;
        return is_broken_.load(relaxed) ? Passing::broken : Passing::is_last;
    }

    [[nodiscard]] Passing wait_locked(unsigned number, posix::Deadline deadline,
                                      bool wants_to_act, int& index) noexcept {
        // The last of a full round may be acting. More threads than parties are allowed,
        // and one that waits for the next round must not break this one.
        if (!sleep_while([&]() noexcept { return count_.load(relaxed) == parties_; },
                         number, posix::Deadline{})) {
            return Passing::broken;
        }
        if (is_broken_.load(relaxed)) return Passing::broken;

        Place& mine = place(number);
        mine.is_turned_away.store(false, relaxed);
        mine.round.store(round_.load(relaxed), relaxed);
        mine.is_waiting.store(true, relaxed);
        index = count_.load(relaxed);
        count_.store(index + 1, relaxed);
        if (index + 1 == parties_) {
            if (wants_to_act) return Passing::is_last;
            mine.is_waiting.store(false, relaxed);
            end_round();
            return Passing::passed;
        }
        const bool came_about =
            sleep_while([&]() noexcept { return passing(mine) == Passing::is_last; },
                        number, deadline);
        mine.is_waiting.store(false, relaxed);
        return came_about ? passing(mine) : Passing::broken;
    }

    /// @return False at the deadline, which breaks the barrier.
    template <class Condition>
    [[nodiscard]] bool sleep_while(Condition condition, unsigned number,
                                   posix::Deadline deadline) noexcept {
        const auto is_over = [&]() noexcept {
            return is_broken_.load(relaxed) || !condition();
        };
        const auto repair = [this]() noexcept { break_up(); };
        for (;;) {
            const auto next = posix::Deadline::after(longest_sleep).or_earlier(deadline);
            if (monitor_.wait_until(is_over, next, repair)) return true;
            if (deadline.has_passed()) break;
            if (has_dead_party(number)) break;
        }
        break_up();
        return false;
    }

    /// Whether one has died that waits or was in the last round.
    [[nodiscard]] bool has_dead_party(unsigned mine) noexcept {
        bool has_dead = false;
        for (unsigned i = 0; i < used_.load(relaxed); ++i) {
            Place& each = place(i);
            const std::uint64_t round = each.round.load(relaxed);
            if (i == mine || round == 0) continue;
            const posix::Locked locked = each.life.try_lock();
            if (locked == posix::Locked::no || locked == posix::Locked::already) continue;
            if (round + 1 >= round_.load(relaxed)) has_dead = true;
            each.round.store(0, relaxed);
            each.is_waiting.store(false, relaxed);
            each.life.unlock();
        }
        return has_dead;
    }

    posix::Monitor monitor_;
    const int parties_;
    const unsigned places_;
    std::atomic<unsigned> used_{0};  ///< so many places have been made
    std::atomic<std::uint64_t> round_{1};
    std::atomic<int> count_{0};  ///< that have come in this round
    std::atomic<bool> is_broken_{false};
};

}  // namespace pyproc::multiprocessing::detail
