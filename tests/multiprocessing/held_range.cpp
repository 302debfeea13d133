// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/held_range.hpp"

#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::HeldRange;

TEST_CASE("HeldRange: one that has a name is referred to, const or not") {
    std::vector<int> numbers{1, 2};
    const std::vector<int> fixed{3};

    HeldRange<std::vector<int>&> held{numbers};
    HeldRange<const std::vector<int>&> held_fixed{fixed};

    CHECK(&held.get() == &numbers);
    CHECK(&held_fixed.get() == &fixed);
}

TEST_CASE("HeldRange: one that has no name is moved in") {
    std::vector<std::unique_ptr<int>> owners;
    owners.push_back(std::make_unique<int>(7));

    HeldRange<std::vector<std::unique_ptr<int>>> held{std::move(owners)};

    CHECK(*held.get().front() == 7);
    CHECK(owners.empty());
}

TEST_CASE("HeldRange: a view is copied, and may go before what it shows") {
    const std::vector<int> numbers{1, 2, 3};
    const auto hold = [&numbers] {
        const std::span<const int> view{numbers};
        return HeldRange<const std::span<const int>&>{view};
    };

    auto held = hold();

    CHECK(held.get().data() == numbers.data());
    CHECK(held.get().size() == 3);
    STATIC_REQUIRE(std::is_same_v<decltype(held)::Type, std::span<const int>>);
}
