// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/affinity.hpp"

#include <cerrno>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;

TEST_CASE("cpu_affinity, set_cpu_affinity: POSIX alone has no such thing, ENOSYS") {
    CHECK(posix::platform::cpu_affinity(0).code() == ENOSYS);
    CHECK(posix::platform::set_cpu_affinity(0, std::vector{0}).code() == ENOSYS);
}
