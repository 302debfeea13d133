// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/futex.hpp promise alike. Include after one of them.
#pragma once

#include <chrono>
#include <new>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/mapping.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("futex_wait: it does not wait for a change that has been") {
    platform::FutexWord word{1};
    const auto start = std::chrono::steady_clock::now();

    platform::futex_wait(word, 0, pyproc::posix::Deadline::after(std::chrono::hours{1}));

    CHECK(std::chrono::steady_clock::now() - start < std::chrono::minutes{1});
}

TEST_CASE("futex_wait: asked again and again, it ends at the deadline") {
    platform::FutexWord word{0};
    const std::chrono::milliseconds limit{20};
    const auto start = std::chrono::steady_clock::now();
    const auto deadline = pyproc::posix::Deadline::after(limit);

    while (!deadline.has_passed()) platform::futex_wait(word, 0, deadline);

    CHECK(std::chrono::steady_clock::now() - start >= limit);
}

TEST_CASE("futex_wake: another process that waits for a change goes on") {
    const auto memory = pyproc::posix::map_shared(64).or_throw("mmap");
    auto& word = *new (memory.data()) platform::FutexWord{0};
    auto& ready = *new (memory.bytes() + 4) platform::FutexWord{0};
    test::Child waiter{[&] {
        ready = 1;
        while (word == 0) platform::futex_wait(word, 0, {});
        return 0;
    }};
    REQUIRE(test::comes_about([&] { return ready == 1; }));

    word = 1;
    platform::futex_wake(word);

    CHECK(waiter.result() == 0);
}
