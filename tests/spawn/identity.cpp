// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/identity.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

using pyproc::ValueError;
using pyproc::spawn::Identity;

TEST_CASE("Identity: a number is that number, known to the system or not") {
    CHECK(Identity{0}.as_user() == 0);
    CHECK(Identity{12345U}.as_user() == 12345);
    CHECK(Identity{4'000'000'000L}.as_group() == 4'000'000'000U);
}

TEST_CASE("Identity: a name is looked up, among users or among groups") {
    CHECK(Identity{"root"}.as_user() == 0);
    CHECK(Identity{std::string{"root"}}.as_group() == 0);
    CHECK(Identity{std::string_view{"daemon"}}.as_user() != 0);
}

TEST_CASE("Identity: a number that can't be one is a ValueError") {
    CHECK_THROWS_AS(Identity{-1}.as_user(), ValueError);
    CHECK_THROWS_AS(Identity{-1}.as_group(), ValueError);
    CHECK_THROWS_AS(Identity{1LL << 32}.as_user(), ValueError);
    CHECK_THROWS_AS(Identity{0xffffffffU}.as_user(), ValueError);
}

TEST_CASE("Identity: a name that nobody has is a ValueError that names it") {
    CHECK_THROWS_WITH(Identity{"no-such-user"}.as_user(), test::Contains("no-such-user"));
    CHECK_THROWS_AS(Identity{"no-such-group"}.as_group(), ValueError);
    CHECK_THROWS_AS(Identity{""}.as_user(), ValueError);
}
