// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/pidfd.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("pidfd: POSIX has none") {
    siginfo_t info{};
    rusage usage{};

    CHECK(platform::pidfd_open(::getpid()).code() == ENOSYS);
    CHECK(platform::pidfd_send_signal(0, 0).code() == ENOSYS);
    CHECK(platform::pidfd_wait(0, WEXITED, info, usage).code() == ENOSYS);
}
