// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/clone_engine.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sched.h>

#include "support/catch.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include "support/seccomp.hpp"
#endif

using namespace pyproc::spawn;

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
TEST_CASE(
    "start_by_clone: without the system call it says that it can't, and starts nothing") {
    const test::NoopPlan noop;

    const StartResult result = start_by_clone(noop.plan);

    REQUIRE_FALSE(result);
    CHECK(is_unsupported(result.failure()));
}
#else
namespace {

/// Whether this kernel has what the engine stands on; a sandbox or valgrind may not.
bool has_engine() {
    const auto outcome = test::start_and_wait(start_by_clone, {CHILDREN "/child.noop"});
    if (outcome.has_started) return true;
    REQUIRE(is_unsupported(outcome.failure));
    WARN("this kernel lacks clone3 or close_range: nothing checked");
    return false;
}

}  // namespace

TEST_CASE("start_by_clone") {
    if (has_engine()) test::check_engine(start_by_clone);
}

TEST_CASE("start_by_clone: the child comes with a pidfd") {
    if (!has_engine()) return;
    const test::NoopPlan noop;

    StartResult result = start_by_clone(noop.plan);

    REQUIRE(result);
    CHECK(result->pidfd);
    ::waitpid(result->pid, nullptr, 0);
}

TEST_CASE(
    "start_by_clone: the caller's signal mask is never changed, and the child has it") {
    if (!has_engine()) return;
    sigset_t usr1;
    sigset_t before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);

    const auto outcome = test::start_and_wait(
        start_by_clone, {CHILDREN "/child.print_signals"}, {.std_out = PIPE});

    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    CHECK_THAT(outcome.output, test::StartsWith("blocked 10 "));
}

namespace {

/// A plan that has a descriptor fetched as far as the engine can tell.
struct FarPlan : test::NoopPlan {
    FarPlan() {
        source = ::fcntl(0, F_DUPFD_CLOEXEC, 200);
        plan.moves = order_moves({source, no_source, no_source});
        plan.table_end = source + 1;
        plan.near_end = standard_count;
    }
    ~FarPlan() { ::close(source); }

    int source;
};

int exit_code_of_start(const Plan& plan) {
    StartResult result = start_by_clone(plan);
    if (!result) return 100 + static_cast<int>(result.failure().at);
    int status = 0;
    ::waitpid(result->pid, &status, 0);
    return WEXITSTATUS(status);
}

}  // namespace

TEST_CASE("start_by_clone: a far descriptor that may not be fetched is copied instead") {
    if (!has_engine()) return;
    constexpr unsigned pidfd_getfd_call = 438;
    for (const int code : {EPERM, ENOSYS}) {
        const int answer = test::forked([code] {
            test::refuse({pidfd_getfd_call}, code);
            const FarPlan far;
            const int ended = exit_code_of_start(far.plan);
            return ended == 0 && ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 1;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE("start_by_clone: a far pipe that may not be fetched is opened by its name") {
    if (!has_engine()) return;
    constexpr unsigned pidfd_getfd_call = 438;
    const int answer = test::forked([] {
        test::refuse({pidfd_getfd_call}, EPERM);
        std::vector<int> low(200);
        for (int& fd : low) fd = ::dup(0);
        const auto fetched = [](const Plan& plan) {
            Plan reaching = plan;
            reaching.shares_table = true;
            reaching.fetches_far = true;
            reaching.fetches_by_pidfd = true;
            reaching.parent = ::getpid();
            return clone_for(reaching);
        };
        const auto outcome = test::start_and_wait(
            fetched, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
        return outcome.output == "0 1 2 " ? 0 : 1;
    });

    CHECK(answer == 0);
}

namespace {

/// 0 if what a child writes to a pipe with a high number comes to the thread that starts
/// it, which has descriptors of its own: the process has another file of that number.
int output_of_child_of_thread_with_own_table() {
    const int other = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    std::vector<int> numbers(200);
    for (int& fd : numbers) fd = ::fcntl(other, F_DUPFD_CLOEXEC, 3);
    std::string output;
    std::thread{[&] {
        if (::unshare(CLONE_FILES) != 0) return;
        for (int i = 0; i < 10; ++i) ::close(numbers[static_cast<std::size_t>(190 + i)]);
        output = test::start_and_wait(start_by_clone, {CHILDREN "/child.flood", "5", "1"},
                                      {.std_out = PIPE})
                     .output;
    }}.join();
    return output.size() == 5 ? 0 : 1;
}

}  // namespace

TEST_CASE(
    "start_by_clone: the first process of a pid namespace gets a far descriptor and "
    "lives") {
    if (!has_engine()) return;

    const int answer = test::forked([] {
        const FarPlan far;
        if (::unshare(CLONE_NEWPID) != 0) return 0;
        StartResult first = start_by_clone(far.plan);
        if (!first && is_unsupported(first.failure())) return 0;
        if (!first) return 1;
        int status = 0;
        ::waitpid(first->pid, &status, 0);
        return status;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "start_by_clone: a far pipe is its own thread's, not another of that number in the "
    "process") {
    if (!has_engine()) return;
    constexpr unsigned pidfd_getfd_call = 438;

    CHECK(test::forked(output_of_child_of_thread_with_own_table) == 0);
    const auto where_refused = [](unsigned call) {
        return test::forked([call] {
            test::refuse({call}, EPERM);
            return output_of_child_of_thread_with_own_table();
        });
    };
    CHECK(where_refused(pidfd_getfd_call) == 0);
    CHECK(where_refused(SYS_kcmp) == 0);
}
#endif

TEST_CASE("is_unsupported: only what the clone itself was refused counts") {
    CHECK(is_unsupported({Step::make_child, ENOSYS}));
    CHECK(is_unsupported({Step::make_child, EPERM}));
    CHECK(is_unsupported({Step::close_descriptors, ENOSYS}));
    CHECK_FALSE(is_unsupported({Step::make_child, EAGAIN}));
    CHECK_FALSE(is_unsupported({Step::make_child, EMFILE}));
    CHECK_FALSE(is_unsupported({Step::execute, EPERM}));
    CHECK_FALSE(is_unsupported({Step::execute, ENOSYS}));
}
