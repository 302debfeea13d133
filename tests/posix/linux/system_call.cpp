// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/system_call.hpp"

#include <cerrno>

#include <unistd.h>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("system_call: it returns what the kernel returns") {
    CHECK(platform::system_call(SYS_getpid) == ::getpid());
}

TEST_CASE("system_call: a failure is minus the errno, and errno itself is left alone") {
    errno = 0;

    CHECK(platform::system_call(SYS_close, -1) == -EBADF);
    CHECK(errno == 0);
}

TEST_CASE("system_call: five arguments arrive in their places") {
    // prctl refuses all but zeros in its last three for this question, so a wrong
    // register shows.
    constexpr long get_no_new_privs = 39;

    CHECK(platform::system_call(SYS_prctl, get_no_new_privs, 0, 0, 0, 0) >= 0);
    CHECK(platform::system_call(SYS_prctl, get_no_new_privs, 1, 0, 0, 0) == -EINVAL);
    CHECK(platform::system_call(SYS_prctl, get_no_new_privs, 0, 1, 0, 0) == -EINVAL);
    CHECK(platform::system_call(SYS_prctl, get_no_new_privs, 0, 0, 1, 0) == -EINVAL);
    CHECK(platform::system_call(SYS_prctl, get_no_new_privs, 0, 0, 0, 1) == -EINVAL);
}

TEST_CASE("address: a pointer goes through unchanged") {
    int value = 0;

    CHECK(platform::address(&value) == reinterpret_cast<long>(&value));
}
