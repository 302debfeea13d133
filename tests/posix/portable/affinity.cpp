// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/affinity.hpp"

#include <cerrno>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("cpu affinity: POSIX alone has no such thing, ENOSYS") {
    platform::CpuMask mask;

    CHECK(platform::get_cpu_affinity(0, mask) == ENOSYS);
    CHECK(platform::set_cpu_affinity(0, mask) == ENOSYS);
}
