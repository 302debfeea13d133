// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/lasting_thread.hpp"

#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using pyproc::posix::platform::run_in_lasting_thread;

namespace {

void note_thread(void* to) noexcept {
    *static_cast<pid_t*>(to) = ::gettid();
}

}  // namespace

TEST_CASE("run_in_lasting_thread: the work is done when it returns, by another thread") {
    pid_t worker = 0;

    REQUIRE(run_in_lasting_thread(note_thread, &worker));

    CHECK(worker != 0);
    CHECK(worker != ::gettid());
}

TEST_CASE("run_in_lasting_thread: the thread outlives those that had work for it") {
    pid_t first = 0;
    pid_t second = 0;

    std::thread{[&] {
        run_in_lasting_thread(note_thread, &first).or_throw("run");
    }}.join();
    std::thread{[&] {
        run_in_lasting_thread(note_thread, &second).or_throw("run");
    }}.join();

    CHECK(first == second);
    CHECK(::access(("/proc/self/task/" + std::to_string(first)).c_str(), F_OK) == 0);
}

TEST_CASE(
    "run_in_lasting_thread: many threads may ask at once, and each gets its answer") {
    std::vector<int> numbers(8);
    std::vector<std::thread> threads;
    threads.reserve(numbers.size());

    for (int& number : numbers) {
        threads.emplace_back([&number] {
            for (int i = 0; i < 100; ++i) {
                static_cast<void>(run_in_lasting_thread(
                    [](void* to) noexcept { ++*static_cast<int*>(to); }, &number));
            }
        });
    }
    for (std::thread& thread : threads) thread.join();

    CHECK(numbers == std::vector<int>(8, 100));
}

TEST_CASE("run_in_lasting_thread: a signal is never handled by that thread") {
    static volatile pid_t handled_by = 0;
    const auto before = std::signal(SIGUSR1, [](int) { handled_by = ::gettid(); });

    REQUIRE(run_in_lasting_thread([](void*) noexcept { ::kill(::getpid(), SIGUSR1); },
                                  nullptr));
    std::signal(SIGUSR1, before);

    CHECK(handled_by == ::gettid());
}

TEST_CASE(
    "run_in_lasting_thread: for a thread with a descriptor table or a directory of its "
    "own "
    "nothing is done") {
    pid_t worker = 0;
    REQUIRE(run_in_lasting_thread(note_thread, &worker));

    for (const int own : {CLONE_FILES, CLONE_FS}) {
        bool is_unshared = false;
        pid_t of_this = 0;
        int code = 0;
        std::thread{[&] {
            is_unshared = ::unshare(own) == 0 &&
                          ::syscall(SYS_kcmp, ::getpid(), ::getpid(), 2) == 0;
            code = run_in_lasting_thread(note_thread, &of_this).code();
        }}.join();
        if (!is_unshared) {
            WARN("unshare or kcmp is refused");
            continue;
        }
        CHECK(code == EINVAL);
        CHECK(of_this == 0);
    }
    CHECK(run_in_lasting_thread(note_thread, &worker));
}

TEST_CASE("run_in_lasting_thread: a forked child has a thread of its own") {
    pid_t ours = 0;
    REQUIRE(run_in_lasting_thread(note_thread, &ours));

    const int answer = test::forked([&] {
        pid_t theirs = 0;
        if (!run_in_lasting_thread(note_thread, &theirs)) return 1;
        return theirs != ours && theirs != ::gettid() ? 0 : 2;
    });

    CHECK(answer == 0);
}
