// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/fork_engine.hpp"

#include <cerrno>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include "support/seccomp.hpp"
#endif

using namespace pyproc::spawn;

TEST_CASE("start_by_fork") {
    test::check_engine(start_by_fork);
}

TEST_CASE(
    "start_by_fork: without a descriptor for its pipe it fails and starts nothing") {
    const int answer = test::forked([] {
        const test::NoopPlan noop;
        const auto before = test::open_descriptors();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit none_left{3, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none_left);

        const StartResult result = start_by_fork(noop.plan);

        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (result || result.failure().code != EMFILE) return 1;
        if (::waitpid(-1, nullptr, 0) != -1) return 2;
        return test::open_descriptors() == before ? 0 : 3;
    });

    CHECK(answer == 0);
}

#ifdef __linux__
TEST_CASE("start_by_fork: where its pipe can't be read, it fails and no child is left") {
    const int answer = test::forked([] {
        const test::NoopPlan noop;
        Failure failure{};
        test::in_sandbox({{{SYS_read}, EIO}}, [&] {
            const StartResult result = start_by_fork(noop.plan);
            if (!result) failure = result.failure();
        });
        if (failure.at != Step::make_child || failure.code != EIO) return 1;
        return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD ? 0 : 2;
    });

    CHECK(answer == 0);
}
#endif

TEST_CASE(
    "start_by_fork: a descriptor above a limit that was lowered since is closed too") {
    const int answer = test::forked([] {
        ::dup2(0, 500);
        const rlimit lowered{100, 100};
        ::setrlimit(RLIMIT_NOFILE, &lowered);
        const auto outcome = test::start_and_wait(
            start_by_fork, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
        return outcome.output == "0 1 2 " ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "descriptor_limit: it is above the highest open descriptor, and far below a huge "
    "limit") {
    const int high = ::dup2(0, 700);

    const int limit = descriptor_limit();

    CHECK(limit > high);
    CHECK(limit < 100'000);
    ::close(high);
}

TEST_CASE("open_pidfd_of_child: there is none for a child that was reaped elsewhere") {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    ::waitpid(child, nullptr, 0);

    CHECK_FALSE(open_pidfd_of_child(child));
}

TEST_CASE(
    "may_share_memory: not with a function of the caller's, which could write to it") {
    Plan plan;
    CHECK(may_share_memory(plan));

    plan.preexec = [](const void*) noexcept { return true; };

    CHECK_FALSE(may_share_memory(plan));
}

TEST_CASE("may_share_memory: with other ids, where changing them asks the kernel alone") {
    Plan plan;
    plan.changes_user = true;

    CHECK(may_share_memory(plan) ==
          pyproc::posix::platform::may_change_ids_in_shared_memory);
}
