// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/maybe.hpp"

#include <optional>
#include <string>
#include <vector>

#include "support/catch.hpp"

using pyproc::posix::Maybe;

namespace {

struct Point {
    int x = 0;
    int y = 0;
};

}  // namespace

TEST_CASE("Maybe: a fresh one has no value") {
    STATIC_REQUIRE_FALSE(Maybe<Point>{});
}

TEST_CASE("Maybe: it has the value it was given, a default one too") {
    constexpr Maybe<Point> point = Point{3, 4};

    STATIC_REQUIRE(point);
    STATIC_REQUIRE(point->x == 3);
    STATIC_REQUIRE((*point).y == 4);
    STATIC_REQUIRE(Maybe<int>{0});
}

TEST_CASE("Maybe: assignment replaces the value, and takes it away") {
    Maybe<int> number = 1;

    number = 2;
    CHECK(*number == 2);
    number = {};

    CHECK_FALSE(number);
}

TEST_CASE("Maybe: it is made from what makes its value, as std::optional is") {
    const Maybe<std::string> text = "text";
    const Maybe<std::vector<int>> list = {{1, 2, 3}};

    CHECK(*text == "text");
    CHECK(list->size() == 3);
}

TEST_CASE("Maybe: nullopt is none") {
    Maybe<std::string> text = "text";

    text = std::nullopt;

    CHECK_FALSE(text);
    STATIC_REQUIRE_FALSE(Maybe<int>{std::nullopt});
}

TEST_CASE("Maybe: what a std::optional has, or has not, it takes over") {
    const std::optional<const char*> given = "text";
    const std::optional<const char*> none;

    CHECK(*Maybe<std::string>{given} == "text");
    CHECK_FALSE(Maybe<std::string>{none});
}
