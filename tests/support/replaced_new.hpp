// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <new>

namespace test {

/// Whether a request for memory is to be refused now. Defined by the one file of a
/// program that includes this, and may ask for no memory itself.
[[nodiscard]] bool is_memory_refused(std::size_t size);

}  // namespace test

// Sanitizers have their own, which can't be replaced in part. Not inlined: else g++ 12
// takes one without the other.
#ifndef SANITIZED
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* memory = nullptr;
    if (!test::is_memory_refused(size)) memory = std::malloc(size == 0 ? 1 : size);
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
