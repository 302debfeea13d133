// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdint>

namespace pyproc::multiprocessing::detail {

/// How the memory of a `Ring` is used: in which order, and what comes after what.
///
/// Messages lie in *areas*, one behind the other. The producer leaves an area when there
/// is room enough at the start of the memory again; or when it is blocked there by an
/// area that is not read yet, for the end of all that is in use. No more than three are
/// in use at a time: one that is being read, one below it, one above both.
///
/// It is the producers' to change. Consumers may ask about the areas that lie between
/// their position and one of the producers' that they have seen.
class RingAreas {
public:
    /// Where in the memory, in the low 48 bits; and in which area, counted, in the
    /// others.
    using Position = std::uint64_t;
    [[nodiscard]] static constexpr Position pack(std::uint64_t area,
                                                 std::uint64_t offset) noexcept {
        return (area << offset_bits) | offset;
    }
    [[nodiscard]] static constexpr std::uint64_t offset(Position position) noexcept {
        return position & offset_mask;
    }
    [[nodiscard]] static constexpr std::uint64_t area(Position at) noexcept {
        return at >> offset_bits;
    }
    [[nodiscard]] static constexpr std::uint64_t next_area(Position at) noexcept {
        return (area(at) + 1) & 0xffff;
    }

    /// Not to be found in any ring.
    static constexpr Position nowhere = ~Position{0};

    static constexpr std::uint64_t page = 4096;
    [[nodiscard]] static constexpr std::uint64_t page_of(std::uint64_t offset) noexcept {
        return offset / page * page;
    }
    [[nodiscard]] static constexpr std::uint64_t page_after(
        std::uint64_t offset) noexcept {
        return page_of(offset + page - 1);
    }

    /// From here on in an area it is time to look for room at the start of the memory.
    static constexpr std::uint64_t near_end = std::uint64_t{1} << 18U;

    explicit RingAreas(std::uint64_t capacity) noexcept : capacity_{capacity} {}

    [[nodiscard]] std::uint64_t capacity() const noexcept { return capacity_; }

    struct Place {
        Position at;
        bool is_found;
    };

    /// Where `need` bytes can go next.
    ///
    /// @param tail   Where the last message ends.
    /// @param freed  What lies before it in its area, and all areas before that one, is
    ///               free. Whole pages only: the page that it is in may be given back.
    [[nodiscard]] Place find_place(Position tail, Position freed,
                                   std::uint64_t need) const noexcept {
        const std::uint64_t end = offset(tail) + need;
        if (area(freed) == area(tail)) {
            // All below what is not read yet is free, and all there is if nothing is
            // left. Worth it if it is no mere corner, or if there is no other.
            const std::uint64_t room = freed == tail ? capacity_ : page_of(offset(freed));
            const bool is_worth_it = room >= need + near_end / 2 || end > capacity_;
            if (end > near_end && room >= need && is_worth_it) {
                return {pack(next_area(tail), 0), true};
            }
            return {tail, end <= capacity_};
        }
        if (offset(tail) <= offset(freed) && next_area(freed) == area(tail)) {
            // The area before this one lies above it.
            if (end <= page_of(offset(freed))) return {tail, true};
            const std::uint64_t above = page_after(end_of(area(freed)));
            return {pack(next_area(tail), above), above + need <= capacity_};
        }
        return {tail, end <= capacity_};
    }

    /// Notes that the area of `tail` ends there, and that the next one begins at `at`.
    /// Without a meaning before the producers' position is in the next one; so it may be
    /// called again, for something else, if that never happens.
    ///
    /// @param is_all_free  The next area may lie upon what is left of this one, so not
    ///                     even the rest of its last page is given back by who follows.
    void leave(Position tail, Position at, bool is_all_free) noexcept {
        Area& left = areas_[area(tail) % count];
        left.end = offset(tail);
        left.end_of_pages = is_all_free ? page_of(left.end) : page_after(left.end);
        areas_[area(at) % count].begin = offset(at);
    }

    /// Whether an area ends at `head`, which is before `tail`.
    [[nodiscard]] bool ends_at(Position head, Position tail) const noexcept {
        return area(head) != area(tail) && offset(head) == end_of(area(head));
    }

    /// Where the area after that of `head` begins.
    [[nodiscard]] Position begin_after(Position head) const noexcept {
        const std::uint64_t next = next_area(head);
        return pack(next, areas_[next % count].begin);
    }

    /// The end of the pages that can be given back once the area of `head` is read.
    [[nodiscard]] std::uint64_t end_of_pages(Position head) const noexcept {
        return areas_[area(head) % count].end_of_pages;
    }

private:
    static constexpr unsigned offset_bits = 48;
    static constexpr Position offset_mask = (Position{1} << offset_bits) - 1;
    static constexpr std::uint64_t count = 4;

    struct Area {
        std::uint64_t begin;
        std::uint64_t end;
        std::uint64_t end_of_pages;
    };

    [[nodiscard]] std::uint64_t end_of(std::uint64_t area) const noexcept {
        return areas_[area % count].end;
    }

    const std::uint64_t capacity_;
    Area areas_[count] = {};
};

}  // namespace pyproc::multiprocessing::detail
