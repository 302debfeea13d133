// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

#include <sys/mman.h>

namespace pyproc::posix::platform {

/// Whether `give_back_pages` does.
inline constexpr bool gives_back_pages = true;

/// Gives the memory behind whole pages of a shared mapping back to the system, for all
/// processes that share it; they read as zeros afterwards.
///
/// Source: MADV_REMOVE in madvise(2).
inline void give_back_pages(void* first, std::size_t size) noexcept {
    ::madvise(first, size, MADV_REMOVE);
}

}  // namespace pyproc::posix::platform
