// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <new>
#include <string>

#include "pyproc/posix/platform.hpp"

namespace pyproc::subprocess {

/// Makes room in `text` for `least` more bytes, and for many more if it is long already.
///
/// A string that grows by doubling is copied once more as a whole, and touches twice the
/// memory it ends with: both cost a long output more than reading it does. So a long one
/// grows fourfold, which takes address space and not memory, since what is never written
/// to is never there; and it asks for huge pages.
///
/// @throws std::bad_alloc  if not even `least` can be had; `text` is as it was.
inline void make_room(std::string& text, std::size_t least) {
    constexpr std::size_t is_long = std::size_t{4} << 20U;
    const std::size_t capacity = text.capacity();
    if (capacity - text.size() >= least) return;
    if (capacity < is_long) {
        // A little more than twice as much, so that an output whose length is a power of
        // two leaves the room in which its end is seen.
        text.reserve(capacity * 2 + least);
        return;
    }
    // Where so much can't be had, half of it, and so on. In a string of its own, since
    // one that has a capacity would have at least twice that.
    std::string longer;
    const std::size_t most = text.max_size() - text.size();
    std::size_t room = most / 4 > capacity ? capacity * 3 + least : most;
    for (bool is_made = false; !is_made;) {
        try {
            longer.reserve(text.size() + room);
            is_made = true;
        } catch (const std::bad_alloc&) {
            if (room <= least) throw;
            room = room / 2 > least ? room / 2 : least;
        }
    }
    // Before anything is written to it, what is copied from the old included.
    posix::platform::advise_huge_pages(longer.data(), longer.capacity());
    text.swap(longer.append(text));
}

}  // namespace pyproc::subprocess
