// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/detached.hpp promise alike. Include after one of them.
#pragma once

#include <csignal>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/caller.hpp"
#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

namespace test {

/// What a detached process does, and tells of it by a byte.
struct DetachedWork {
    int write_end = -1;
    char (*work)() = nullptr;
};

inline void do_detached_work(void* argument) noexcept {
    const auto& task = *static_cast<const DetachedWork*>(argument);
    const char answer = task.work();
    if (::write(task.write_end, &answer, 1) != 1) ::_exit(1);
    ::_exit(0);
}

/// Has it done, and waits for the answer; '?' if there is none.
inline char told_by_detached(char (*work)()) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    DetachedWork task{ends[1], work};
    auto pid = platform::start_detached(do_detached_work, &task);
    REQUIRE(pid);
    ::close(ends[1]);
    char answer = '?';
    if (::read(ends[0], &answer, 1) != 1) answer = '?';
    ::close(ends[0]);
    platform::reap_detached(*pid);
    return answer;
}

}  // namespace test

TEST_CASE("start_detached: it runs, and the program has no child by it") {
    const test::Caller caller;

    CHECK(test::told_by_detached([] { return 'x'; }) == 'x');

    CHECK(caller.changes().empty());
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("start_detached: all signals are blocked in it") {
    const char answer = test::told_by_detached([] {
        ::raise(SIGTERM);
        ::raise(SIGINT);
        return 'x';
    });

    CHECK(answer == 'x');
}

TEST_CASE("start_detached: it has a process group of its own") {
    static pid_t group;
    group = ::getpgrp();

    // It may run before its parent has moved it; then it is on its way.
    const char answer = test::told_by_detached([] {
        for (int i = 0; i < 10'000 && ::getpgrp() == group; ++i) ::usleep(1000);
        return ::getpgrp() == group ? 'g' : 'x';
    });

    CHECK(answer == 'x');
}

TEST_CASE("release_inherited_memory: stack and new memory can be used after it") {
    const char answer = test::told_by_detached([] {
        volatile char on_stack[4096];
        on_stack[7] = 'x';
        platform::release_inherited_memory();
        return static_cast<char>(on_stack[7]);
    });

    CHECK(answer == 'x');
}
