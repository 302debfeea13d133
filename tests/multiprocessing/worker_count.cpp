// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/worker_count.hpp"

#include <optional>

#include "support/catch.hpp"

using namespace pyproc;
using pyproc::multiprocessing::detail::task_count;
using pyproc::multiprocessing::detail::worker_count;

TEST_CASE("worker_count: as many as are wanted, else no more than there are processors") {
    CHECK(worker_count(3) == 3);
    CHECK(worker_count(std::nullopt) >= 1);
    CHECK(worker_count(std::nullopt) <=
          static_cast<unsigned>(multiprocessing::cpu_count()));
    CHECK_THROWS_AS(worker_count(0), ValueError);
    CHECK_THROWS_AS(worker_count(-1), ValueError);
}

TEST_CASE("task_count: none for never, and fewer than one is refused") {
    CHECK(task_count(std::nullopt) == 0);
    CHECK(task_count(1) == 1);
    CHECK_THROWS_AS(task_count(0), ValueError);
}
