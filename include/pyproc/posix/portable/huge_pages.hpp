// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

namespace pyproc::posix::platform {

/// POSIX says nothing of the size of pages.
inline void advise_huge_pages(const void*, std::size_t) noexcept {}

}  // namespace pyproc::posix::platform
