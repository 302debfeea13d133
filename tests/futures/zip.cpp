// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/zip.hpp"

#include <ranges>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"

using pyproc::futures::detail::Zip;

TEST_CASE("Zip: goes through ranges side by side until the shortest ends") {
    const std::vector<int> numbers{1, 2, 3};
    const std::vector<std::string> names{"a", "b"};

    Zip zip{std::views::all(numbers), std::views::all(names), std::views::iota(7)};
    std::vector<std::tuple<int, std::string, int>> all;
    for (const auto& each : zip) all.push_back(each);

    CHECK(all ==
          std::vector<std::tuple<int, std::string, int>>{{1, "a", 7}, {2, "b", 8}});
}

TEST_CASE("Zip: knows how many there are, if all of its ranges do") {
    const std::vector<int> numbers{1, 2, 3};
    const std::vector<int> none;

    CHECK(Zip{std::views::all(numbers), std::views::iota(0, 9)}.size() == 3);
    CHECK(Zip{std::views::all(numbers), std::views::all(none)}.size() == 0);
    STATIC_REQUIRE_FALSE(std::ranges::sized_range<
                         Zip<std::ranges::iota_view<int, std::unreachable_sentinel_t>>>);
}
