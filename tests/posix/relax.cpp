// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/relax.hpp"

#include <atomic>
#include <thread>

#include "support/catch.hpp"

TEST_CASE("relax: a loop that spins with it sees what another thread writes") {
    std::atomic<bool> is_ready = false;
    std::thread other{[&] { is_ready = true; }};

    while (!is_ready) pyproc::posix::relax();
    other.join();

    CHECK(is_ready);
}
