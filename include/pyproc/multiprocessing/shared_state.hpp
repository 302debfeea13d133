// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "pyproc/posix/mapping.hpp"

namespace pyproc::multiprocessing::detail {

/// Makes a `T` in memory that this process shares with those that it forks from now on.
///
/// It is gone when the last of them has dropped it or ended. Each process counts its own
/// references.
///
/// @param extra  Bytes that the object uses behind itself; zeros at first.
/// @throws OSError  ENOMEM.
template <class T, class... Args>
[[nodiscard]] std::shared_ptr<T> make_shared_state_with(std::size_t extra,
                                                        Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>,
                  "other processes may still use it when this one drops it");
    auto memory = posix::map_shared(sizeof(T) + extra).or_throw("mmap");
    T* const state = new (memory.data()) T(std::forward<Args>(args)...);
    const auto keeper = std::make_shared<posix::Mapping>(std::move(memory));
    return {keeper, state};
}

template <class T, class... Args>
[[nodiscard]] std::shared_ptr<T> make_shared_state(Args&&... args) {
    return make_shared_state_with<T>(0, std::forward<Args>(args)...);
}

}  // namespace pyproc::multiprocessing::detail
