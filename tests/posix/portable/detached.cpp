// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/detached.hpp"

#include "support/detached_process.hpp"

TEST_CASE("start_detached: its parent is not the program") {
    static pid_t program;
    program = ::getpid();

    // The child between may not have ended yet.
    const char answer = test::told_by_detached([] {
        while (::getppid() == program) ::usleep(100);
        return 'x';
    });

    CHECK(answer == 'x');
}
