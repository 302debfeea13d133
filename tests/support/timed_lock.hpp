// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/timed_lock.hpp promise alike. Include after one of them.
#pragma once

#include <cerrno>
#include <chrono>
#include <thread>

#include <pthread.h>

#include "support/catch.hpp"

// ThreadSanitizer can't be told that a lock was taken over from a thread of this process
// that has ended with it, and calls that a double lock.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "mutex:tell_sanitizer_of_lock\n";
}

namespace platform = pyproc::posix::platform;

TEST_CASE("lock_for: what is free is locked at once, and what is taken not in time") {
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    constexpr timespec limit{.tv_sec = 0, .tv_nsec = 20'000'000};

    REQUIRE(platform::lock_for(mutex, {}) == 0);
    int code = 0;
    std::chrono::steady_clock::duration taken{};
    std::thread{[&] {
        const auto start = std::chrono::steady_clock::now();
        code = platform::lock_for(mutex, limit);
        taken = std::chrono::steady_clock::now() - start;
    }}.join();

    CHECK(code == ETIMEDOUT);
    // The clock may be another one.
    CHECK(taken > std::chrono::milliseconds{10});
    CHECK(::pthread_mutex_unlock(&mutex) == 0);
}

TEST_CASE("lock_for: an owner that has ended is told") {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t mutex;
    ::pthread_mutex_init(&mutex, &attributes);
    std::thread{[&] { static_cast<void>(platform::lock_for(mutex, {})); }}.join();

    CHECK(platform::lock_for(mutex, {}) == EOWNERDEAD);

    CHECK(::pthread_mutex_consistent(&mutex) == 0);
    CHECK(::pthread_mutex_unlock(&mutex) == 0);
}
