// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "support/replaced_new.hpp"

namespace test {

/// No more memory can be had at once. Not under a sanitizer.
inline std::atomic<std::size_t> most_memory = SIZE_MAX;

inline bool is_memory_refused(std::size_t size) {
    return size > most_memory;
}

}  // namespace test
