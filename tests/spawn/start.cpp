// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/start.hpp"

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include "support/seccomp.hpp"
#endif

using namespace pyproc::spawn;

TEST_CASE("start") {
    test::check_engine(start);
}

TEST_CASE("start: it uses the fast engine where there is one") {
    const auto by_clone = test::start_and_wait(start_by_clone, {CHILDREN "/child.noop"});

    test::start_and_wait(start, {CHILDREN "/child.noop"});

    CHECK(clone_engine_works == by_clone.has_started);
}

TEST_CASE("start: once the fast engine has been refused, the portable one serves") {
    const bool worked = std::exchange(clone_engine_works, false);

    test::check_engine(start);

    clone_engine_works = worked;
}

TEST_CASE("start: a process limit is EAGAIN, and the caller's signal mask as it was") {
    const int answer = test::forked([] {
        if (::geteuid() == 0 && ::setuid(65534) != 0) return 1;  // root has no such limit
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_NPROC, &none);
        const test::NoopPlan noop;

        const StartResult result = start(noop.plan);

        if (result) return 2;
        if (result.failure().at != Step::make_child) return 3;
        if (result.failure().code != EAGAIN) return 4;
        sigset_t mask;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
            if (sigismember(&mask, signal) != 0) return 5;
        }
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "start: many threads start children at once, and no pipe leaks into a brother") {
    constexpr int threads_count = 8;
    constexpr int rounds = 25;
    std::vector<int> passed_on(200);
    for (int& fd : passed_on) fd = ::dup(0);  // not close-on-exec
    std::vector<std::thread> threads;
    threads.reserve(threads_count);
    std::vector<int> right(threads_count);

    for (int& count : right) {
        threads.emplace_back([&count] {
            for (int i = 0; i < rounds; ++i) {
                const auto outcome = test::start_and_wait(
                    start, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
                count += outcome.output == "0 1 2 " ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int fd : passed_on) ::close(fd);

    CHECK(right == std::vector<int>(threads_count, rounds));
}

#ifdef __linux__
TEST_CASE("start: what a sandbox refuses, with either errno, is done in another way") {
    for (const int code : {ENOSYS, EPERM}) {
        for (const auto& calls :
             {std::initializer_list<unsigned>{test::clone3_call},
              {test::close_range_call},
              {test::pidfd_open_call, test::clone3_call},
              {test::clone3_call, test::close_range_call, test::pidfd_open_call,
               test::pidfd_send_signal_call}}) {
            const int answer = test::forked([&] {
                ::dup2(0, 50);
                test::refuse(calls, code);
                for (int i = 0; i < 2; ++i) {
                    const auto outcome = test::start_and_wait(
                        start, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
                    if (outcome.output != "0 1 2 ") return 1;
                    if (test::start_and_wait(start, {"/none"}).failure.code != ENOENT)
                        return 2;
                }
                return ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 3;
            });
            CHECK(answer == 0);
        }
    }
}

TEST_CASE("start: a failed start is reaped though waiting by pidfd is refused") {
    const int answer = test::forked([] {
        test::refuse_waiting_by_pidfd(EINVAL);
        const auto outcome = test::start_and_wait(start, {"/none"});
        if (outcome.failure.code != ENOENT) return 1;
        return ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 2;
    });

    CHECK(answer == 0);
}
#endif

TEST_CASE("start: no descriptor of our own takes the number of a closed standard one") {
    const int answer = test::forked([] {
        ::close(0);
        ::close(1);
        const test::NoopPlan noop;

        StartResult result = start(noop.plan);

        const bool are_free = ::fcntl(0, F_GETFD) < 0 && ::fcntl(1, F_GETFD) < 0;
        if (result) ::waitpid(result->pid, nullptr, 0);
        return result && are_free ? 0 : 1;
    });

    CHECK(answer == 0);
}
