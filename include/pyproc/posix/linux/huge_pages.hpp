// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/mman.h>

namespace pyproc::posix::platform {

/// Asks for huge pages behind a block of memory that is about to be filled, as far as it
/// covers whole ones: a page fault for each 2 MiB in place of 512. Advice alone: where it
/// can't be had nothing changes. Leaves `errno` as it is.
///
/// Source: MADV_HUGEPAGE in madvise(2).
inline void advise_huge_pages(const void* memory, std::size_t size) noexcept {
    constexpr std::uintptr_t huge_page = std::uintptr_t{2} << 20U;
    const auto begin = reinterpret_cast<std::uintptr_t>(memory);
    const std::uintptr_t first = (begin + huge_page - 1) & ~(huge_page - 1);
    const std::uintptr_t last = (begin + size) & ~(huge_page - 1);
    if (first >= last) return;
    const int saved = errno;
    ::madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
    errno = saved;
}

}  // namespace pyproc::posix::platform
