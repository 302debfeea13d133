// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/rank_loads.hpp"

#include "support/catch.hpp"

using pyproc::mpi::detail::RankLoads;

namespace {

constexpr std::int64_t microsecond = 1000;
constexpr std::int64_t millisecond = 1000 * microsecond;

/// Shares out tasks until nobody should get any more, and returns how many those are.
std::size_t share_out(RankLoads& loads, std::size_t waiting) {
    std::size_t all = 0;
    for (;;) {
        const auto [rank, count] = loads.share(waiting - all);
        if (count == 0 || all == waiting) return all;
        loads.add(rank, count);
        all += count;
    }
}

}  // namespace

TEST_CASE("before anything is known, each rank gets one task") {
    RankLoads loads{3};
    CHECK(loads.has_idle());

    CHECK(share_out(loads, 100) == 3);

    CHECK(loads.in_flight() == 3);
    CHECK_FALSE(loads.has_idle());
}

TEST_CASE("of long tasks each rank gets no more than one") {
    RankLoads loads{2};
    loads.measure(1, 10 * millisecond);

    CHECK(loads.depth() == 1);
    CHECK(share_out(loads, 100) == 2);
}

TEST_CASE("of short tasks a rank gets what it does in a millisecond") {
    RankLoads loads{1};
    loads.measure(100, 100 * 10 * microsecond);

    CHECK(loads.depth() == 100);
    CHECK(share_out(loads, 10'000) == 100);
}

TEST_CASE("of the shortest tasks a rank gets no more than some hundreds") {
    RankLoads loads{1};
    loads.measure(1000, 1000);

    CHECK(loads.depth() == 512);
}

TEST_CASE("the last tasks are shared out evenly") {
    RankLoads loads{4};
    loads.measure(1000, 1000 * microsecond);

    for (int i = 0; i < 4; ++i) {
        const auto [rank, count] = loads.share(8);
        CHECK(count == 1);
        loads.add(rank, count);
    }

    CHECK_FALSE(loads.has_idle());
}

TEST_CASE("a rank that has more than half of what it should have gets no more") {
    RankLoads loads{1};
    loads.measure(100, 100 * 10 * microsecond);
    loads.add(0, 51);

    CHECK(loads.share(1000).count == 0);

    loads.answer(0);
    CHECK(loads.share(1000).count == 50);
}

TEST_CASE("a rank that is held up by a long task gets none until it has done it") {
    RankLoads loads{1};
    loads.measure(100, 100 * 10 * microsecond);
    loads.add(0, 3);

    loads.give_back(0);
    loads.give_back(0);

    CHECK(loads.in_flight() == 1);
    CHECK(loads.share(10).count == 0);
    loads.answer(0);
    CHECK(loads.share(10).count > 0);
    CHECK(loads.has_idle());
}

TEST_CASE("a rank that has not answered to the start gets no task, however short") {
    RankLoads loads{2};
    loads.start(0);
    loads.start(1);
    CHECK(loads.share(100).count == 0);
    loads.answer(0);
    loads.measure(1000, 1000);

    CHECK(share_out(loads, 10'000) == loads.depth());
    CHECK(loads.in_flight() == loads.depth() + 1);
    loads.answer(1);

    CHECK(loads.share(100).rank == 1);
}

TEST_CASE("without ranks nobody gets anything") {
    RankLoads loads{0};

    CHECK(loads.share(10).count == 0);
    CHECK_FALSE(loads.has_idle());
}
