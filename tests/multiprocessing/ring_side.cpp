// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/ring_side.hpp"

#include <cstdint>
#include <thread>

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::RingSide;

TEST_CASE(
    "RingSide: a count that is noted is one once the position is stored, not before") {
    RingSide side{100};
    CHECK(side.count() == 0);

    side.note(200, 1);
    CHECK(side.count() == 0);
    side.note(300, 1);  // whoever noted 200 was killed
    CHECK(side.count() == 0);
    side.position = 300;

    CHECK(side.count() == 1);
    CHECK(side.count_at(300) == 1);
}

TEST_CASE("RingSide: the count never goes back, for those without the lock too") {
    RingSide side{0};
    constexpr std::uint64_t most = 200'000;
    std::thread writer{[&] {
        for (std::uint64_t i = 1; i <= most; ++i) {
            side.note(i * 8, i);
            side.position.store(i * 8, std::memory_order_release);
        }
    }};

    int wrong = 0;
    for (std::uint64_t last = 0; last < most;) {
        const std::uint64_t passed = side.position.load(std::memory_order_acquire) / 8;
        const std::uint64_t now = side.count();
        if (now < last || now < passed) ++wrong;
        last = now;
    }
    writer.join();

    CHECK(wrong == 0);
}
