// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/sibling.hpp"

#include "support/catch.hpp"

TEST_CASE("fork_sibling: POSIX has no such call") {
    CHECK(pyproc::posix::platform::fork_sibling().code() == ENOSYS);
}
