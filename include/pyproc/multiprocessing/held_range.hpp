// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <ranges>
#include <type_traits>
#include <utility>

namespace pyproc::multiprocessing::detail {

/// A range that is gone through later: the caller's, which has to live as long, if it was
/// given as something that has a name; or else the range itself. A view is copied, as
/// what it shows is the caller's anyway.
///
/// `std::views::all` is the same, but clang 14 can't read it in libstdc++.
///
/// @tparam Range  As a forwarding reference deduces it.
template <class Range>
class HeldRange {
    using Bare = std::remove_reference_t<Range>;
    static constexpr bool is_referred_to =
        std::is_lvalue_reference_v<Range> &&
        !(std::ranges::enable_view<std::remove_const_t<Bare>> &&
          std::copy_constructible<std::remove_const_t<Bare>>);

public:
    /// What is gone through: const only if it is the caller's and that is.
    using Type = std::conditional_t<is_referred_to, Bare, std::remove_const_t<Bare>>;

    explicit HeldRange(Range&& range) : held_{hold(range)} {}

    [[nodiscard]] Type& get() noexcept {
        if constexpr (is_referred_to) {
            return *held_;
        } else {
            return held_;
        }
    }

private:
    [[nodiscard]] static auto hold(Bare& range) {
        if constexpr (is_referred_to) {
            return &range;
        } else if constexpr (std::is_lvalue_reference_v<Range>) {
            return Type(range);
        } else {
            return Type(std::move(range));
        }
    }

    std::conditional_t<is_referred_to, Bare*, Type> held_;
};

}  // namespace pyproc::multiprocessing::detail
