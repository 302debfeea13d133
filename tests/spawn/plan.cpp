// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/plan.hpp"

#include "support/catch.hpp"

using namespace pyproc::spawn;

TEST_CASE("Plan: a fresh one changes nothing but what exec closes") {
    constexpr Plan plan;

    STATIC_REQUIRE(plan.moves.count == 0);
    STATIC_REQUIRE(plan.passed_count == 0);
    STATIC_REQUIRE(plan.directory == nullptr);
    STATIC_REQUIRE_FALSE(plan.changes_umask);
    STATIC_REQUIRE_FALSE(plan.starts_session);
    STATIC_REQUIRE_FALSE(plan.joins_group);
    STATIC_REQUIRE(plan.report == -1);
    STATIC_REQUIRE(plan.table_end == 3);
}
