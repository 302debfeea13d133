// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/back_off.hpp"

#include <chrono>

#include "support/catch.hpp"

using pyproc::mpi::detail::BackOff;
using namespace std::chrono_literals;

TEST_CASE("who has not waited has waited for no time, and so after a reset") {
    BackOff back_off;
    CHECK(back_off.waited() == 0ns);

    back_off.wait();
    back_off.reset();

    CHECK(back_off.waited() == 0ns);
}

TEST_CASE("who waits long looks seldom") {
    BackOff back_off;
    int looks = 0;

    for (; back_off.waited() < 50ms; ++looks) back_off.wait();

    // 200 us of spinning, at 10 ns at the least; then steps that grow by an eighth from
    // 200 us on, to a millisecond.
    CHECK(looks < 21'000);
    CHECK(looks >= 1);
}
