// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace test {

/// No more memory can be had at once. Not under a sanitizer, whose own allocator can't be
/// replaced in part.
inline std::atomic<std::size_t> most_memory = SIZE_MAX;

}  // namespace test

// For one file of a program. Not inlined: g++ 12 would warn of a mismatch of the two.
#ifndef SANITIZED
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* memory = nullptr;
    if (size <= test::most_memory) memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc{};
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#endif
