// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/descriptors.hpp"

#include <climits>

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
