// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/mman.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// Sole owner of one mapping of memory, which it unmaps once.
class Mapping {
public:
    Mapping() noexcept = default;
    Mapping(void* data, std::size_t size) noexcept : data_{data}, size_{size} {}
    Mapping(Mapping&& other) noexcept
        : data_{std::exchange(other.data_, nullptr)},
          size_{std::exchange(other.size_, 0)} {}
    Mapping& operator=(Mapping&& other) noexcept {
        std::swap(data_, other.data_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~Mapping() {
        if (data_ != nullptr) ::munmap(data_, size_);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return data_ != nullptr; }
    [[nodiscard]] void* data() const noexcept { return data_; }
    [[nodiscard]] std::byte* bytes() const noexcept {
        return static_cast<std::byte*>(data_);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

private:
    void* data_ = nullptr;
    std::size_t size_ = 0;
};

/// What is asked of the system when memory is mapped.
enum class Promise : bool {
    none,    ///< that there are addresses: far more may be mapped than there is memory
    memory,  ///< that there is memory, as far as the system cares, see `map_shared`
};

/// Memory that this process shares with those that it forks: it has no name, so nothing
/// is left of it when the last of them has ended, in whatever way. All zeros at first.
///
/// Of the `size` bytes only those that are written to take memory, a page at a time.
///
/// @param promise  `memory`: what is more than all memory and swap is refused at once, in
///                 Linux if vm.overcommit_memory is 0, as by default, or 2.
/// @return ENOMEM where there is no room for it, or the system promises no memory that it
///         does not have.
/// Source: mmap(2), MAP_ANONYMOUS, MAP_SHARED and MAP_NORESERVE; proc(5).
[[nodiscard]] inline Result<Mapping> map_shared(
    std::size_t size, Promise promise = Promise::none) noexcept {
    int flags = MAP_SHARED | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
    if (promise == Promise::none) flags |= MAP_NORESERVE;
#else
    static_cast<void>(promise);
#endif
    void* const data = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (data == MAP_FAILED) return Error{errno};
#ifdef MADV_DONTDUMP
    // A core dump would read, and so make, every page of it.
    ::madvise(data, size, MADV_DONTDUMP);
#endif
    return Mapping{data, size};
}

}  // namespace pyproc::posix
