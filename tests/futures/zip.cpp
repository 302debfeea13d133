// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/zip.hpp"

#include <ranges>
#include <string>
#include <tuple>
#include <vector>

#include "support/catch.hpp"
#include "support/counting.hpp"

using pyproc::futures::detail::Zip;

TEST_CASE("Zip: goes through ranges side by side until the shortest ends") {
    const std::vector<int> numbers{1, 2, 3};
    const std::vector<std::string> names{"a", "b"};

    Zip<const std::vector<int>&, const std::vector<std::string>&, test::Counting> zip{
        numbers, names, test::Counting{7}};
    std::vector<std::tuple<int, std::string, int>> all;
    for (const auto& each : zip) all.push_back(each);

    CHECK(all ==
          std::vector<std::tuple<int, std::string, int>>{{1, "a", 7}, {2, "b", 8}});
}

TEST_CASE("Zip: knows how many there are, if all of its ranges do") {
    const std::vector<int> numbers{1, 2, 3};
    const std::vector<int> none;

    using Numbers = const std::vector<int>&;

    CHECK(Zip<Numbers, std::vector<int>>{numbers, std::vector<int>(9)}.size() == 3);
    CHECK(Zip<Numbers, Numbers>{numbers, none}.size() == 0);
    STATIC_REQUIRE_FALSE(std::ranges::sized_range<Zip<Numbers, test::Counting>>);
}
