// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/chrono.hpp"

#include <type_traits>

#include "support/catch.hpp"

using namespace std::chrono_literals;

TEST_CASE("chrono: durations, their literals and the steady clock are there") {
    constexpr std::chrono::nanoseconds limit = 1h + 2min + 3s + 4ms + 5us + 6ns;

    STATIC_REQUIRE(limit.count() == 3'723'004'005'006);
    STATIC_REQUIRE(std::chrono::steady_clock::is_steady);
    CHECK(std::chrono::steady_clock::now() - std::chrono::steady_clock::time_point{} >
          0s);
}
