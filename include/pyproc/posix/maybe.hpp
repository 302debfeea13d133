// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <optional>
#include <type_traits>
#include <utility>

namespace pyproc::posix {

/// A value or none: the part of `std::optional` that is needed here, at a tenth of what
/// that costs the compiler for each type.
///
/// `T` must have a default value, which stands in for the one that is not there.
template <class T>
class Maybe {
public:
    constexpr Maybe() = default;
    constexpr Maybe(std::nullopt_t) {}

    // `U = T` lets a braced list make the value, as in `std::optional`.
    template <class U = T>
    requires(std::convertible_to<U, T> &&
             !std::same_as<std::remove_cvref_t<U>, Maybe>) constexpr Maybe(U&& value)
        : value_(static_cast<T>(std::forward<U>(value))), has_value_{true} {}

    template <class U>
    requires(std::convertible_to<const U&, T>) constexpr Maybe(
        const std::optional<U>& other)
        : has_value_{other.has_value()} {
        if (other) value_ = *other;
    }

    [[nodiscard]] constexpr explicit operator bool() const noexcept { return has_value_; }

    /// The value. Only if there is one.
    [[nodiscard]] constexpr const T& operator*() const noexcept { return value_; }
    [[nodiscard]] constexpr const T* operator->() const noexcept { return &value_; }

private:
    T value_{};
    bool has_value_ = false;
};

}  // namespace pyproc::posix
