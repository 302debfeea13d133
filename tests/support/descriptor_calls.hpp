// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/descriptors.hpp promise alike. Include after one of them.
#pragma once

#include <chrono>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("pipe_cloexec: both ends are close-on-exec") {
    int ends[2];

    REQUIRE(platform::pipe_cloexec(ends) == 0);

    CHECK(::fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(ends[1], F_GETFD) == FD_CLOEXEC);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("poll_for: it waits no less than it is told to, below a millisecond too") {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();

    CHECK(platform::poll_for(nullptr, 0, {.tv_sec = 0, .tv_nsec = 300'000}) == 0);

    CHECK(clock::now() - start >= std::chrono::microseconds{300});
}
