// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

namespace pyproc::posix {

/// A plain value or none: `std::optional` for what needs no care in copying and no
/// constructor, at a tenth of what that costs the compiler.
template <class T>
class Maybe {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    constexpr Maybe() noexcept = default;
    constexpr Maybe(const T& value) noexcept : value_{value}, has_value_{true} {}

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return has_value_; }

    /// The value. Only if there is one.
    [[nodiscard]] constexpr const T& operator*() const noexcept { return value_; }
    [[nodiscard]] constexpr const T* operator->() const noexcept { return &value_; }

private:
    T value_{};
    bool has_value_ = false;
};

}  // namespace pyproc::posix
