// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/start.hpp"

#include <cerrno>
#include <csignal>
#include <thread>
#include <vector>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"

using namespace pyproc::spawn;

TEST_CASE("start") {
    test::check_engine(start);
}

TEST_CASE("start: it uses the fast engine where there is one") {
    test::start_and_wait(start, {CHILDREN "/child.noop"});

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK_FALSE(clone_engine_works);
#else
    CHECK(clone_engine_works);
#endif
}

TEST_CASE("start: once the fast engine has been refused, the portable one serves") {
    const bool worked = clone_engine_works.exchange(false);

    test::check_engine(start);

    clone_engine_works = worked;
}

TEST_CASE("start: a process limit is EAGAIN, and the caller's signal mask as it was") {
    const int answer = test::forked([] {
        if (::geteuid() == 0 && ::setuid(65534) != 0) return 1;  // root has no such limit
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_NPROC, &none);
        const char* const argv[] = {"noop", nullptr};
        const char* const candidates[] = {CHILDREN "/child.noop", nullptr};
        Plan plan;
        plan.argv = argv;
        plan.envp = argv + 1;
        plan.candidates = candidates;

        const StartResult result = start(plan);

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
    std::vector<int> passed_on;
    for (int i = 0; i < 200; ++i) passed_on.push_back(::dup(0));  // not close-on-exec
    std::vector<std::thread> threads;
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
