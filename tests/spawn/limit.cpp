// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/limit.hpp"

#include "support/catch.hpp"

using pyproc::spawn::Limit;

TEST_CASE("Limit: one value is both the soft and the hard limit") {
    constexpr Limit limit{RLIMIT_CORE, 0};

    STATIC_REQUIRE(limit.resource == static_cast<int>(RLIMIT_CORE));
    STATIC_REQUIRE(limit.value.rlim_cur == 0);
    STATIC_REQUIRE(limit.value.rlim_max == 0);
}

TEST_CASE("Limit: two values are the soft and the hard limit") {
    constexpr Limit limit{RLIMIT_NOFILE, 256, RLIM_INFINITY};

    STATIC_REQUIRE(limit.value.rlim_cur == 256);
    STATIC_REQUIRE(limit.value.rlim_max == RLIM_INFINITY);
}
