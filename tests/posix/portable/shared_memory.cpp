// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/shared_memory.hpp"

#include "support/segment_calls.hpp"

TEST_CASE("make_nameless_segment, name_segment: POSIX has none") {
    CHECK(platform::make_nameless_segment(0600).code() == ENOSYS);
    CHECK(platform::name_segment(0, "name").code() == ENOSYS);
}
