// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>

#include "pyproc/multiprocessing/ring_areas.hpp"
#include "pyproc/multiprocessing/ring_side.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/event_count.hpp"
#include "pyproc/posix/mapping.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/relax.hpp"
#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::multiprocessing::detail {

/// A first-in, first-out queue of messages in shared memory, for any number of producers
/// and consumers in any number of processes, each of which may be killed at any moment.
///
/// A message is written beyond the tail under the producers' lock and then published by
/// one store, of the tail; it is read under the consumers' lock and then freed by one
/// store, of the head. Who is killed before his store has changed nothing that others can
/// see. One producer and one consumer at a time sleep, each with his lock held.
///
/// The memory is a long stretch of addresses of which only what is in use takes memory.
/// Messages lie in areas of it, see `RingAreas`, so that a queue that is emptied as fast
/// as it is filled stays within a processor's cache; and the consumer gives the pages of
/// what it has read back to the system.
///
/// In shared memory, where it was made.
class Ring {
public:
    /// Makes a ring in memory that is all zeros.
    /// @param max_count  How many messages it may hold; 0 for as many as there is memory.
    /// @param first_area  The number of the first area; they start over after 65,535.
    [[nodiscard]] static Ring& make_in(posix::Mapping& memory, std::size_t max_count,
                                       std::uint16_t first_area = 0) {
        return *::new (memory.data())
            Ring{memory.size() - first_offset(), max_count, Areas::pack(first_area, 0)};
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// The most bytes that one message can have: there is room for it once the ring is
    /// empty.
    [[nodiscard]] std::size_t largest_message() const noexcept {
        return static_cast<std::size_t>(areas_.capacity() - word);
    }

    /// Appends a message of `size` bytes, no more than `largest_message()`. Waits as long
    /// as the ring is full, until the deadline; and, if that comes sooner, a second for
    /// others who are at work in it.
    ///
    /// @param write  Called with the `std::span<std::byte>` to be filled. If it throws,
    ///               nothing is appended.
    /// @return false if the deadline came first.
    template <class Write>
    [[nodiscard]] bool put(std::size_t size, Write write, posix::Deadline deadline) {
        Side& mine = producers_;
        if (!lock(mine, deadline, [this] { return was_full(); })) return false;
        const std::lock_guard held{mine.mutex, std::adopt_lock};
        const std::uint64_t need = word + round_up(size);
        Place place{};
        while (is_full() || !(place = find_place(need)).is_found) {
            if (!wait_for_space(need, deadline)) return false;
        }

        const std::uint64_t at = Areas::offset(place.at);
        const Position tail = mine.position.load(std::memory_order_relaxed);
        if (at + need > highest_) highest_ = at + need;
        if (Areas::area(place.at) != Areas::area(tail)) leave_area(tail, place.at);
        write(std::span{bytes_at(at + word), size});
        word_at(at) = size;
        const Position next = place.at + need;
        mine.note(next, mine.count_at(tail) + 1);
        changed_.items.announce();
        mine.position.store(next, std::memory_order_release);
        return true;
    }

    /// Takes the first message. Waits as long as there is none, until the deadline; and,
    /// if that comes sooner, a second for others who are at work.
    ///
    /// @param read  Called with the message, a `std::span<const std::byte>`. If it
    ///              throws, the message stays.
    /// @return false if the deadline came first.
    template <class Read>
    [[nodiscard]] bool get(Read read, posix::Deadline deadline) {
        Side& mine = consumers_;
        if (!lock(mine, deadline, [this] { return is_empty(); })) return false;
        const std::lock_guard held{mine.mutex, std::adopt_lock};
        Position head = mine.position.load(std::memory_order_relaxed);
        if (head == mine.seen && !wait_for_message(head, deadline)) return false;

        const std::uint64_t count = mine.count_at(head);
        if (areas_.ends_at(head, mine.seen)) head = areas_.begin_after(head);
        const std::uint64_t at = Areas::offset(head);
        const std::uint64_t size = word_at(at);
        read(std::span{static_cast<const std::byte*>(bytes_at(at + word)),
                       static_cast<std::size_t>(size)});
        const Position next = head + word + round_up(size);
        mine.note(next, count + 1);
        changed_.space.announce();
        mine.position.store(next, std::memory_order_release);
        release(next, given_back_at_once);
        return true;
    }

    /// Takes the first message if there is one, waiting for nobody but others at work.
    template <class Read>
    [[nodiscard]] bool try_get(Read read) {
        return get(std::move(read),
                   posix::Deadline{posix::Deadline::clock::time_point{}});
    }

    /// For one who does not wait in `get`: gives memory back, as a long wait there does,
    /// if there is nothing to be read and nobody at work.
    void trim() {
        if (!settle(consumers_, consumers_.mutex.try_lock())) return;
        const std::lock_guard reading{consumers_.mutex, std::adopt_lock};
        if (!settle(producers_, producers_.mutex.try_lock())) return;
        const std::lock_guard writing{producers_.mutex, std::adopt_lock};
        if (!is_empty()) return;
        release(consumers_.position.load(std::memory_order_relaxed), 0);
        give_back_unused();
    }

    [[nodiscard]] std::uint64_t put_count() const noexcept { return producers_.count(); }
    [[nodiscard]] std::uint64_t got_count() const noexcept { return consumers_.count(); }

    [[nodiscard]] std::size_t size() const noexcept {
        const std::uint64_t got = got_count();  // first, or it could come out below 0
        return static_cast<std::size_t>(put_count() - got);
    }
    [[nodiscard]] std::size_t max_count() const noexcept {
        return static_cast<std::size_t>(max_count_);
    }

    [[nodiscard]] bool is_empty() const noexcept {
        return consumers_.position.load() == producers_.position.load();
    }

private:
    using Areas = RingAreas;
    using Place = RingAreas::Place;
    using Position = RingAreas::Position;
    using Side = RingSide;

    /// Before each message stands its length.
    static constexpr std::uint64_t word = sizeof(std::uint64_t);
    static constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

    /// The pages below are kept, for the next messages; those above are given back as
    /// they are read, some at a time. A ring that has been empty for a while keeps less.
    static constexpr std::uint64_t kept = 64 * mib;
    static constexpr std::uint64_t kept_when_idle = 2 * mib;
    static constexpr std::uint64_t given_back_at_once = 4 * mib;
    static constexpr std::chrono::milliseconds idle_after{1000};

    /// For how long a call that may not wait yet waits for others who are at work: much
    /// longer than that takes, so that only one who has been stopped makes it give up.
    static constexpr std::chrono::milliseconds patience{1000};
    static constexpr std::chrono::milliseconds soon{1};
    static constexpr int spins = 1000;

    Ring(std::uint64_t capacity, std::uint64_t max_count, Position first) noexcept
        : max_count_{max_count},
          areas_{capacity},
          producers_{first},
          consumers_{first},
          released_{first} {}

    [[nodiscard]] static constexpr std::uint64_t round_up(std::uint64_t size) noexcept {
        return (size + word - 1) / word * word;
    }
    [[nodiscard]] static constexpr std::size_t first_offset() noexcept;

    [[nodiscard]] std::byte* bytes_at(std::uint64_t at) noexcept {
        return reinterpret_cast<std::byte*>(this) + first_offset() + at;
    }
    [[nodiscard]] std::uint64_t& word_at(std::uint64_t at) noexcept {
        return *reinterpret_cast<std::uint64_t*>(bytes_at(at));
    }

    /// Locks one side. If somebody else has it, waits until the deadline; then for as
    /// long as he is at work, unless `is_hopeless()`: the call would come to nothing.
    template <class Hopeless>
    [[nodiscard]] static bool lock(Side& side, posix::Deadline deadline,
                                   Hopeless is_hopeless) {
        posix::Locked locked = side.mutex.try_lock();
        if (locked == posix::Locked::no) {
            const auto latest = posix::Deadline::after(patience);
            if (!deadline.has_passed()) locked = side.mutex.lock_until(deadline);
            while (locked == posix::Locked::no) {
                if (is_hopeless() || latest.has_passed()) return false;
                locked = side.mutex.lock_until(posix::Deadline::after(soon));
            }
        }
        return settle(side, locked);
    }

    /// A dead owner has left nothing to be repaired: it changed nothing, or all.
    [[nodiscard]] static bool settle(Side& side, posix::Locked locked) {
        if (locked == posix::Locked::already) {
            throw std::logic_error{
                "a queue can't be used by what it is writing or reading"};
        }
        // But it does not wait any more.
        if (locked == posix::Locked::from_dead) side.blocked_at.store(Areas::nowhere);
        return locked != posix::Locked::no;
    }

    [[nodiscard]] bool is_full() const noexcept {
        if (max_count_ == 0) return false;
        const Position tail = producers_.position.load(std::memory_order_relaxed);
        return producers_.count_at(tail) - consumers_.count() >= max_count_;
    }

    /// Whether there was no room at some moment of this call. For those who do not have
    /// the lock.
    [[nodiscard]] bool was_full() const noexcept {
        const std::uint64_t put = put_count();  // first: it can only come out too small
        const std::uint64_t got = got_count();
        if (max_count_ != 0 && put >= got && put - got >= max_count_) return true;
        return producers_.blocked_at.load() == consumers_.position.load();
    }

    [[nodiscard]] Place find_place(std::uint64_t need) noexcept {
        const Position tail = producers_.position.load(std::memory_order_relaxed);
        const bool is_near = Areas::offset(tail) + need <= Areas::near_end;
        if (is_near && Areas::area(producers_.seen) == Areas::area(tail)) {
            return {tail, true};
        }
        producers_.seen = released_.load(std::memory_order_acquire);
        return areas_.find_place(tail, producers_.seen, need);
    }

    /// Before a message is written at `at`, in the area after that of `tail`.
    void leave_area(Position tail, Position at) noexcept {
        const bool is_all_free = producers_.seen == tail;
        areas_.leave(tail, at, is_all_free);
        if (!is_all_free) return;
        // No consumer can come back to this page, and nothing is in it yet.
        const std::uint64_t end = Areas::offset(tail);
        give_back(std::max(Areas::page_of(end), kept), Areas::page_after(end));
    }

    /// Called and left with the lock held, as `wait_for_space` is.
    [[nodiscard]] bool wait_for_message(Position head, posix::Deadline deadline) {
        const auto has_come = [&] {
            consumers_.seen = producers_.position.load(std::memory_order_acquire);
            return consumers_.seen != head;
        };
        if (has_come()) return true;
        // Whoever waits for room can't do this, as long as the lock is held here.
        if (released_.load(std::memory_order_relaxed) != head) release(head, 0);
        bool is_trimmed = false;
        const auto trim = [&](bool is_idle) {
            if (!is_idle || is_trimmed) return;
            is_trimmed = true;
            give_back_unused();
        };
        return wait(has_come, changed_.items, producers_, deadline, trim);
    }

    [[nodiscard]] bool wait_for_space(std::uint64_t need, posix::Deadline deadline) {
        Side& mine = producers_;
        const struct Unblocked {
            Side& side;
            ~Unblocked() { side.blocked_at.store(Areas::nowhere); }
        } afterwards{mine};
        const auto is_there = [&] {
            if (is_full()) return false;
            const Position head = consumers_.position.load(std::memory_order_acquire);
            const bool is_found = find_place(need).is_found;
            const Position blocked_at = is_found ? Areas::nowhere : head;
            if (mine.blocked_at.load(std::memory_order_relaxed) != blocked_at) {
                mine.blocked_at.store(blocked_at);
            }
            return is_found;
        };
        // What consumers have read and not freed: one that was killed, or that saves up
        // pages to be given back.
        const auto reclaim = [&](bool) {
            release(consumers_.position.load(std::memory_order_relaxed), 0);
        };
        if (deadline.has_passed() && !is_full() &&
            settle(consumers_, consumers_.mutex.try_lock())) {
            const std::lock_guard held{consumers_.mutex, std::adopt_lock};
            reclaim(false);
        }
        return wait(is_there, changed_.space, consumers_, deadline, reclaim);
    }

    /// Waits until `is_ready()`, which the other side can bring about. The caller has the
    /// lock of his own side.
    ///
    /// One of the other side that is at work may have looked whether somebody waits just
    /// before the caller said so. So he must have been seen to be done, or dead, before
    /// the caller sleeps: that is what his lock is taken for. Not without a limit: he may
    /// himself be waiting, with it, for what the caller has by then.
    ///
    /// @param tend  Called with both locks held before it sleeps, and told whether this
    ///              has become a long wait.
    template <class Ready, class Tend>
    [[nodiscard]] static bool wait(Ready is_ready, posix::EventCount& change,
                                   Side& others, posix::Deadline deadline, Tend tend) {
        const auto idle = posix::Deadline::after(idle_after);
        for (bool is_idle = false;;) {
            if (is_ready()) return true;
            if (deadline.has_passed()) return false;
            for (int i = 0; i < spins; ++i) {
                if (is_ready()) return true;
                posix::relax();
            }
            const auto limit = posix::Deadline::after(soon).or_earlier(deadline);
            if (!settle(others, others.mutex.lock_until(limit))) continue;
            const auto prepared = change.prepare();
            bool may_sleep = !is_ready();
            if (may_sleep) {
                is_idle = is_idle || idle.has_passed();
                tend(is_idle);
                may_sleep = !is_ready();
            }
            others.mutex.unlock();
            if (may_sleep)
                change.sleep(prepared, is_idle ? deadline : idle.or_earlier(deadline));
        }
    }

    /// Lets producers use what has been read up to `head`, once its pages have been given
    /// back: those beyond the ones that are kept, if they are at least `least` bytes.
    /// To be called with the consumers' lock held.
    ///
    /// Who is killed here has freed less than he could, which the next does.
    void release(Position head, std::uint64_t least) noexcept {
        Position done = released_.load(std::memory_order_relaxed);
        const bool is_same_area = Areas::area(done) == Areas::area(head);
        if (!is_same_area || Areas::offset(head) > kept) {
            while (Areas::area(done) != Areas::area(head)) {
                give_back(first_to_give_back(done), areas_.end_of_pages(done));
                done = areas_.begin_after(done);
            }
            const std::uint64_t begin = first_to_give_back(done);
            const std::uint64_t end = Areas::page_of(Areas::offset(head));
            if (is_same_area && begin < end && end - begin < least) return;
            give_back(begin, end);
        }
        released_.store(head, std::memory_order_release);
    }

    /// The page that `done` is in was spared; see `RingAreas::find_place`.
    [[nodiscard]] static std::uint64_t first_to_give_back(Position done) noexcept {
        return std::max(Areas::page_of(Areas::offset(done)), kept);
    }

    /// Of an empty ring, with both locks held.
    void give_back_unused() noexcept {
        give_back(kept_when_idle, Areas::page_after(std::exchange(highest_, 0)));
    }

    /// Whole pages. Nothing if `end` does not lie beyond `begin`.
    void give_back(std::uint64_t begin, std::uint64_t end) noexcept {
        if (begin >= end) return;
        posix::platform::give_back_pages(bytes_at(begin),
                                         static_cast<std::size_t>(end - begin));
    }

    const std::uint64_t max_count_;
    RingAreas areas_;

    /// Beyond it no page has been written to. The producers'.
    std::uint64_t highest_ = 0;
    Side producers_;
    Side consumers_;

    /// Up to where the memory is free. Behind the consumers' position as long as pages
    /// have not been given back.
    std::atomic<Position> released_;

    struct alignas(64) {
        posix::EventCount items;
        posix::EventCount space;
    } changed_;
};

constexpr std::size_t Ring::first_offset() noexcept {
    return static_cast<std::size_t>(Areas::page_after(sizeof(Ring)));
}

}  // namespace pyproc::multiprocessing::detail
