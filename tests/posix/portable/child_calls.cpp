// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/child_calls.hpp"

#include "support/child_calls.hpp"

TEST_CASE("unshare_descriptors_below: POSIX has no such thing") {
    CHECK(platform::unshare_descriptors_below(3) == -ENOSYS);
}

TEST_CASE("open_pidfd, fetch_descriptor, die_with_parent: nor these") {
    CHECK(platform::open_pidfd(::getpid()) == -ENOSYS);
    CHECK(platform::fetch_descriptor(0, 0) == -ENOSYS);
    CHECK(platform::die_with_parent(::getppid()) == -ENOSYS);
}
