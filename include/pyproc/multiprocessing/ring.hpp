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
/// Messages lie in *areas*: the producer leaves one when there is room enough at the
/// start of the memory again, so that a queue that is emptied as fast as it is filled
/// stays within a processor's cache; or when it is blocked there by an area that is not
/// read yet, for the end of all that is in use. A mark tells the consumer, who follows,
/// and gives the pages of what it has read back to the system.
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
            Ring{memory.size() - first_offset(), max_count, pack(first_area, 0)};
    }
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;

    /// The most bytes that one message can have.
    [[nodiscard]] std::size_t largest_message() const noexcept {
        return static_cast<std::size_t>(capacity_ - 3 * word);
    }

    /// Appends a message of `size` bytes, no more than `largest_message()`. Waits as long
    /// as the ring is full, until the deadline.
    ///
    /// @param write  Called with the `std::span<std::byte>` to be filled. If it throws,
    ///               nothing is appended.
    /// @return false if the deadline came first.
    template <class Write>
    [[nodiscard]] bool put(std::size_t size, Write write, posix::Deadline deadline) {
        Side& mine = producers_;
        if (!lock(mine.mutex, deadline)) return false;
        const std::lock_guard held{mine.mutex, std::adopt_lock};
        const std::uint64_t need = word + round_up(size, word);
        Place place{};
        while (is_full() || !(place = find_place(need)).is_found) {
            if (!wait_for_space(need, deadline)) return false;
        }

        const Position at = place.at;
        if (offset(at) + need > highest_) highest_ = offset(at) + need;
        write(std::span{bytes_at(offset(at) + word), size});
        word_at(offset(at)) = size;
        const Position tail = mine.position.load(std::memory_order_relaxed);
        if (area(at) != area(tail)) {
            begin_of(area(at)) = offset(at);
            end_of(area(tail)) = offset(tail);
            word_at(offset(tail)) = jump_mark;
        }
        const Position next = at + need;
        mine.note(next, mine.count_at(tail) + 1);
        changed_.items.announce();
        mine.position.store(next, std::memory_order_release);
        return true;
    }

    /// Takes the first message. Waits as long as there is none, until the deadline.
    ///
    /// @param read  Called with the message, a `std::span<const std::byte>`. If it
    /// throws,
    ///              the message stays.
    /// @return false if the deadline came first.
    template <class Read>
    [[nodiscard]] bool get(Read read, posix::Deadline deadline) {
        Side& mine = consumers_;
        if (!lock(mine.mutex, deadline)) return false;
        const std::lock_guard held{mine.mutex, std::adopt_lock};
        const Position head = mine.position.load(std::memory_order_relaxed);
        if (head == mine.seen && !wait_for_message(head, deadline)) return false;
        take(head, read);
        return true;
    }

    /// Takes the first message if there is one. Waits for other consumers, as long as
    /// they read, but not for a message.
    ///
    /// @param read  As `get` calls it.
    /// @return false if there was none.
    template <class Read>
    [[nodiscard]] bool try_get(Read read) {
        Side& mine = consumers_;
        if (!lock(mine.mutex, posix::Deadline{})) return false;
        const std::lock_guard held{mine.mutex, std::adopt_lock};
        const Position head = mine.position.load(std::memory_order_relaxed);
        if (head == mine.seen) {
            mine.seen = producers_.position.load(std::memory_order_acquire);
            if (head == mine.seen) return false;
        }
        take(head, read);
        return true;
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
    /// Where in the memory, in the low 48 bits; and in which area, counted, in the
    /// others.
    using Position = RingSide::Position;
    static constexpr unsigned offset_bits = 48;
    static constexpr Position offset_mask = (Position{1} << offset_bits) - 1;
    [[nodiscard]] static Position pack(std::uint64_t area,
                                       std::uint64_t offset) noexcept {
        return (area << offset_bits) | offset;
    }
    [[nodiscard]] static std::uint64_t offset(Position position) noexcept {
        return position & offset_mask;
    }
    [[nodiscard]] static std::uint64_t area(Position at) noexcept {
        return at >> offset_bits;
    }
    [[nodiscard]] static std::uint64_t next_area(Position at) noexcept {
        return (area(at) + 1) & 0xffff;
    }

    /// Before each message stands its length, or this, where the area ends.
    static constexpr std::uint64_t jump_mark = ~std::uint64_t{0};
    static constexpr std::uint64_t word = sizeof(std::uint64_t);
    static constexpr std::uint64_t page = 4096;
    static constexpr std::uint64_t mib = std::uint64_t{1} << 20U;

    /// From here on in an area it is time to look for room at the start of the memory.
    static constexpr std::uint64_t near_end = mib / 4;

    /// The pages below are kept, for the next messages; those above are given back as
    /// they are read, some at a time. A ring that has been empty for a while keeps less.
    static constexpr std::uint64_t kept = 64 * mib;
    static constexpr std::uint64_t kept_when_idle = 2 * mib;
    static constexpr std::uint64_t given_back_at_once = 4 * mib;
    static constexpr std::chrono::milliseconds idle_after{1000};

    using Side = RingSide;

    struct Place {
        Position at;
        bool is_found;
    };

    Ring(std::uint64_t capacity, std::uint64_t max_count, Position first) noexcept
        : capacity_{capacity},
          max_count_{max_count},
          producers_{first},
          consumers_{first},
          released_{first} {}

    [[nodiscard]] static constexpr std::uint64_t round_up(std::uint64_t value,
                                                          std::uint64_t unit) noexcept {
        return (value + unit - 1) / unit * unit;
    }
    [[nodiscard]] static constexpr std::size_t first_offset() noexcept;

    [[nodiscard]] std::byte* bytes_at(std::uint64_t at) noexcept {
        return reinterpret_cast<std::byte*>(this) + first_offset() + at;
    }
    [[nodiscard]] std::uint64_t& word_at(std::uint64_t at) noexcept {
        return *reinterpret_cast<std::uint64_t*>(bytes_at(at));
    }

    static constexpr std::uint64_t area_count = 4;
    [[nodiscard]] std::uint64_t& begin_of(std::uint64_t area) noexcept {
        return begins_[area % area_count];
    }
    [[nodiscard]] std::uint64_t& end_of(std::uint64_t area) noexcept {
        return ends_[area % area_count];
    }

    /// A dead owner has left nothing to be repaired: it changed nothing, or all.
    [[nodiscard]] static bool lock(posix::RobustMutex& mutex, posix::Deadline deadline) {
        const posix::Locked locked = mutex.lock_until(deadline);
        if (locked != posix::Locked::already) return locked != posix::Locked::no;
        throw std::logic_error{"a queue can't be used by what it is writing or reading"};
    }

    [[nodiscard]] bool is_full() const noexcept {
        if (max_count_ == 0) return false;
        const Position tail = producers_.position.load(std::memory_order_relaxed);
        return producers_.count_at(tail) - consumers_.count() >= max_count_;
    }

    template <class Read>
    void take(Position head, Read& read) {
        Side& mine = consumers_;
        const std::uint64_t count = mine.count_at(head);
        if (word_at(offset(head)) == jump_mark) {
            head = pack(next_area(head), begin_of(next_area(head)));
        }
        const std::uint64_t size = word_at(offset(head));
        read(std::span{static_cast<const std::byte*>(bytes_at(offset(head) + word)),
                       static_cast<std::size_t>(size)});
        const Position next = head + word + round_up(size, word);
        mine.note(next, count + 1);
        changed_.space.announce();
        mine.position.store(next, std::memory_order_release);
        release(next);
    }

    /// Where a message that takes `need` bytes can go. A mark must fit behind it.
    [[nodiscard]] Place find_place(std::uint64_t need) noexcept {
        const Position tail = producers_.position.load(std::memory_order_relaxed);
        const std::uint64_t end = offset(tail) + need + word;
        if (end <= near_end && area(producers_.seen) == area(tail)) return {tail, true};

        const Position freed = producers_.seen =
            released_.load(std::memory_order_acquire);
        if (area(freed) == area(tail)) {
            // All below what is not read yet is free. Worth it if it is no mere corner,
            // or if there is no other.
            const std::uint64_t room = offset(freed);
            const bool is_worth_it = room >= need + near_end / 2 || end > capacity_;
            if (end > near_end && room >= need + word && is_worth_it) {
                return {pack(next_area(tail), 0), true};
            }
            return {tail, end <= capacity_};
        }
        if (offset(tail) <= offset(freed) && next_area(freed) == area(tail)) {
            // The area before this one lies above it.
            if (end <= offset(freed)) return {tail, true};
            const std::uint64_t above = round_up(end_of(area(freed)) + word, page);
            return {pack(next_area(tail), above), above + need + word <= capacity_};
        }
        return {tail, end <= capacity_};
    }

    /// Called and left with the lock held, as `wait_for_space` is.
    [[nodiscard]] bool wait_for_message(Position head, posix::Deadline deadline) {
        const auto has_come = [&] {
            consumers_.seen = producers_.position.load(std::memory_order_acquire);
            return consumers_.seen != head;
        };
        const auto trim = [this] {
            give_back(kept_when_idle, highest_ + word);
            highest_ = 0;
        };
        return wait(has_come, changed_.items, producers_.mutex, deadline, trim);
    }

    [[nodiscard]] bool wait_for_space(std::uint64_t need, posix::Deadline deadline) {
        const auto is_there = [&] { return !is_full() && find_place(need).is_found; };
        return wait(is_there, changed_.space, consumers_.mutex, deadline, [] {});
    }

    /// Waits until `is_ready()`, which the other side can bring about. The caller has the
    /// lock of his own side.
    ///
    /// One of the other side that is at work may have looked whether somebody waits just
    /// before the caller said so. So he must have been seen to be done, or dead, before
    /// the caller sleeps: that is what his lock is taken for. Not without a limit: he may
    /// himself be waiting, with it, for what the caller has by then.
    ///
    /// @param when_idle  Called once the wait has become a long one, with both locks
    /// held.
    template <class Ready, class WhenIdle>
    [[nodiscard]] static bool wait(Ready is_ready, posix::EventCount& change,
                                   posix::RobustMutex& others, posix::Deadline deadline,
                                   WhenIdle when_idle) {
        const auto idle = posix::Deadline::after(idle_after);
        for (bool is_idle = false;;) {
            if (is_ready()) return true;
            if (deadline.has_passed()) return false;
            for (int i = 0; i < spins; ++i) {
                if (is_ready()) return true;
                posix::relax();
            }
            const auto soon = posix::Deadline::after(std::chrono::milliseconds{1});
            if (!lock(others, soon)) continue;
            const auto prepared = change.prepare();
            const bool may_sleep = !is_ready();
            if (may_sleep && !is_idle && idle.has_passed()) {
                is_idle = true;
                when_idle();
            }
            others.unlock();
            if (may_sleep)
                change.sleep(prepared, is_idle ? deadline : idle.or_earlier(deadline));
        }
    }

    /// Lets producers use what has been read up to `head`, once its pages have been given
    /// back.
    ///
    /// A consumer that is killed here has freed less than he could, which the next does.
    void release(Position head) noexcept {
        const Position before = released_.load(std::memory_order_relaxed);
        const std::uint64_t begin = std::max(offset(before), kept);
        if (area(before) != area(head)) {
            const std::uint64_t end = round_up(end_of(area(before)) + word, page);
            give_back(begin, end);
            released_.store(head, std::memory_order_release);
        } else if (offset(head) <= kept) {
            released_.store(head, std::memory_order_release);
        } else if (offset(head) >= begin + given_back_at_once) {
            const std::uint64_t end = offset(head) / page * page;
            give_back(begin, end);
            released_.store(pack(area(head), end), std::memory_order_release);
        }
    }

    void give_back(std::uint64_t begin, std::uint64_t end) noexcept {
        begin = round_up(begin, page);
        if (begin >= end) return;
        posix::platform::give_back_pages(bytes_at(begin),
                                         static_cast<std::size_t>(end - begin));
    }

    static constexpr int spins = 1000;

    const std::uint64_t capacity_;
    const std::uint64_t max_count_;
    std::uint64_t begins_[area_count] = {};
    std::uint64_t ends_[area_count] = {};
    std::uint64_t highest_ =
        0;  ///< beyond it no page has been written to; the producers'
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
    return static_cast<std::size_t>(round_up(sizeof(Ring), page));
}

}  // namespace pyproc::multiprocessing::detail
