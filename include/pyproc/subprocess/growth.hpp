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
    std::string longer;
    try {
        longer.reserve(capacity * 4 + least);
    } catch (const std::bad_alloc&) {
        text.reserve(text.size() + least);
        return;
    }
    // Before anything is written to it, what is copied from the old included.
    posix::platform::advise_huge_pages(longer.data(), longer.capacity());
    text.swap(longer.append(text));
}

}  // namespace pyproc::subprocess
