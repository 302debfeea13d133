// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace pyproc::posix::platform {

/// Whether `give_back_pages` does.
inline constexpr bool gives_back_pages = false;

/// POSIX has no way to this: the pages keep their memory, and what is in it.
inline void give_back_pages(void*, std::size_t) noexcept {}

}  // namespace pyproc::posix::platform
