// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/child_calls.hpp"

#include "support/child_calls.hpp"

TEST_CASE("unshare_descriptors_below: POSIX has no such thing") {
    CHECK(platform::unshare_descriptors_below(3) == -ENOSYS);
}
