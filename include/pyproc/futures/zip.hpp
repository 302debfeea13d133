// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <ranges>
#include <tuple>
#include <utility>

#include "pyproc/multiprocessing/held_range.hpp"

namespace pyproc::futures::detail {

/// Several ranges, gone through side by side until the shortest ends: its items are
/// tuples of copies of theirs.
///
/// C++23 has `std::views::zip`; here the items are values, since they are to be sent.
template <class... Ranges>
class Zip {
    template <class Range>
    using Held = multiprocessing::detail::HeldRange<Range>;
    template <class Range>
    using Items = typename Held<Range>::Type;

public:
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = std::tuple<std::ranges::range_value_t<Items<Ranges>>...>;
        using difference_type = std::ptrdiff_t;

        iterator() = default;
        explicit iterator(Zip* zip)
            : zip_{zip},
              at_{std::apply(
                  [](auto&... ranges) {
                      return Iterators{std::ranges::begin(ranges.get())...};
                  },
                  zip->ranges_)} {}

        [[nodiscard]] value_type operator*() const {
            return std::apply([](const auto&... at) { return value_type{*at...}; }, at_);
        }
        iterator& operator++() {
            std::apply([](auto&... at) { (static_cast<void>(++at), ...); }, at_);
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& at, std::default_sentinel_t) {
            return at.is_at_end(std::index_sequence_for<Ranges...>{});
        }

    private:
        using Iterators = std::tuple<std::ranges::iterator_t<Items<Ranges>>...>;

        template <std::size_t... places>
        [[nodiscard]] bool is_at_end(std::index_sequence<places...>) const {
            return ((std::get<places>(at_) ==
                     std::ranges::end(std::get<places>(zip_->ranges_).get())) ||
                    ...);
        }

        Zip* zip_ = nullptr;
        Iterators at_;
    };

    explicit Zip(Ranges&&... ranges) : ranges_{std::forward<Ranges>(ranges)...} {}

    [[nodiscard]] iterator begin() { return iterator{this}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

    [[nodiscard]] std::size_t size() requires(
        std::ranges::sized_range<Items<Ranges>>&&...) {
        return std::apply(
            [](auto&... ranges) {
                return std::min(
                    {static_cast<std::size_t>(std::ranges::size(ranges.get()))...});
            },
            ranges_);
    }

private:
    std::tuple<Held<Ranges>...> ranges_;
};

}  // namespace pyproc::futures::detail
