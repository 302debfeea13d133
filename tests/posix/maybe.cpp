// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/maybe.hpp"

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
