// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/platform.hpp"

#include <cerrno>

#include <unistd.h>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("platform: the portable side is taken when it is forced, and answers ENOSYS") {
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK(platform::pidfd_open(::getpid()).code() == ENOSYS);
    CHECK(platform::unshare_descriptors_below(3) == -ENOSYS);
#else
    CHECK(platform::pidfd_open(-1).code() != 0);
#endif
}
