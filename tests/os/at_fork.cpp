// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/at_fork.hpp"

#include "support/catch.hpp"

TEST_CASE("register_at_fork: stands beside os's other functions, as in Python") {
    CHECK_THROWS_AS(pyproc::os::register_at_fork(nullptr, nullptr, nullptr),
                    pyproc::ValueError);
}
