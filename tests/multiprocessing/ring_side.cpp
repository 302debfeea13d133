// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/ring_side.hpp"

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::RingSide;

TEST_CASE("RingSide: the count is that of the position, whether or not a writer lives") {
    RingSide side{8};
    const auto at_first = side.count();

    side.note(24, 1);  // and the writer is killed here
    const auto before = side.count();
    side.note(24, 1);
    side.position = 24;
    const auto after = side.count();
    side.note(40, 2);
    side.position = 40;

    CHECK(at_first == 0);
    CHECK(before == 0);
    CHECK(after == 1);
    CHECK(side.count() == 2);
    CHECK(side.count_at(24) == 1);
}
