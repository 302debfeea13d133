// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/member_table.hpp"

#include <cstddef>
#include <string>
#include <utility>

#include "support/catch.hpp"

namespace detail = pyproc::multiprocessing::detail;

namespace {

struct Empty {};
struct Three {
    int first;
    char second[1 << 20];
    std::string third;
};
struct Forty {
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    int b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    int c0, c1, c2, c3, c4, c5, c6, c7, c8, c9;
    int d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};
struct FortyOne {
    Forty forty;
    int a0, a1, a2, a3, a4, a5, a6, a7, a8, a9;
    int b0, b1, b2, b3, b4, b5, b6, b7, b8, b9;
    int c0, c1, c2, c3, c4, c5, c6, c7, c8, c9;
    int d0, d1, d2, d3, d4, d5, d6, d7, d8, d9;
};

/// Whether as many ints as a table's row has names for are visited in their order.
template <std::size_t n>
struct Ints {
    template <std::size_t count>
    static bool are_visited_in_order() {
        int values[count];
        for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<int>(i);
        bool in_order = true;
        std::size_t visited = 0;
        // A C array comes apart as a class does.
        detail::visit_bindings<count>(values, [&](auto&... each) {
            ((in_order = in_order && each == static_cast<int>(visited), ++visited), ...);
        });
        return in_order && visited == count;
    }

    static bool are_all_visited() {
        if constexpr (n == 1) {
            return are_visited_in_order<1>();
        } else {
            return are_visited_in_order<n>() && Ints<n - 1>::are_all_visited();
        }
    }
};

}  // namespace

TEST_CASE("takes_braces: each row of the table has as many braces as it says") {
    const auto check = []<std::size_t... is>(std::index_sequence<is...>) {
        return ((detail::takes_braces<Forty, is>() &&
                 detail::takes_braces<Forty, is, int>() == (is < 40)) &&
                ...);
    };

    STATIC_REQUIRE(check(std::make_index_sequence<41>{}));
    STATIC_REQUIRE_FALSE(detail::takes_braces<Forty, 41>());
}

TEST_CASE("count_braces: an array counts once, however long it is") {
    STATIC_REQUIRE(detail::count_braces<Empty>() == 0);
    STATIC_REQUIRE(detail::count_braces<Three>() == 3);
}

TEST_CASE("count_braces: more members than the table has are one more than it has") {
    STATIC_REQUIRE(detail::count_braces<Forty>() == 40);
    STATIC_REQUIRE(detail::count_braces<FortyOne>() == 41);
}

TEST_CASE("visit_bindings: each row of the table has all members in their order") {
    CHECK(Ints<detail::most_members>::are_all_visited());
}

TEST_CASE("visit_bindings: the members are the object's own") {
    Three three{};

    detail::visit_bindings<3>(three, [](int& first, auto&, std::string& third) {
        first = 7;
        third = "changed";
    });

    CHECK(three.first == 7);
    CHECK(three.third == "changed");
}
