// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/descriptors.hpp"

#include <climits>
#include <thread>

#include <sched.h>

#include "support/descriptor_calls.hpp"

TEST_CASE("resize_pipe: the pipe holds so much, or the errno says why not") {
    int ends[2];
    REQUIRE(platform::pipe_cloexec(ends) == 0);

    CHECK(platform::resize_pipe(ends[1], 1 << 17) == 0);
    CHECK(platform::resize_pipe(ends[1], INT_MAX) != 0);

    CHECK(::fcntl(ends[0], F_GETPIPE_SZ) == 1 << 17);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE(
    "has_descriptors_of_process: a thread has them until it has a table of its own") {
    bool by_first = false;
    bool by_other = false;
    bool by_unshared = true;
    bool is_refused = false;

    by_first = platform::has_descriptors_of_process();
    std::thread{[&] {
        by_other = platform::has_descriptors_of_process();
        is_refused = ::unshare(CLONE_FILES) != 0;
        by_unshared = platform::has_descriptors_of_process();
    }}.join();

    CHECK(by_first);
    // A kernel, or a sandbox, may lack kcmp.
    if (!by_other) WARN("kcmp is refused");
    CHECK((is_refused || !by_unshared));
}
