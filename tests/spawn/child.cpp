// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/child.hpp"

#include <cerrno>
#include <cstdlib>
#include <new>
#include <string>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "pyproc/spawn/fd_moves.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::spawn;

namespace {

bool is_allocating_forbidden = false;

}  // namespace

// The child must not allocate: it may be running beside threads that hold malloc's lock.
// Under a sanitizer that is not watched: its own allocator cannot be replaced in part,
// and clang's for TSan not at all.
#ifndef SANITIZED
void* operator new(std::size_t size) {
    if (is_allocating_forbidden) std::abort();
    void* const memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc{};
    return memory;
}
void operator delete(void* memory) noexcept {
    std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}
#endif

namespace {

constexpr const char* no_variables[] = {nullptr};

/// A plan for the program `exit_with 9`, with nothing changed.
struct Ready {
    const char* argv[3] = {"exit_with", "9", nullptr};
    const char* candidates[2] = {CHILDREN "/child.exit_with", nullptr};
    Plan plan;

    Ready() {
        plan.argv = argv;
        plan.envp = no_variables;
        plan.candidates = candidates;
        plan.descriptor_limit = 1024;
    }
};

/// How a child that runs `plan` ends; a failure as 100 + its step, if it has `code`.
int run_in_child(const Plan& plan, int code = 0) {
    return test::forked([&] {
        is_allocating_forbidden = true;
        const Failure failure = run_plan(plan);
        return failure.code == code ? 100 + static_cast<int>(failure.at) : 99;
    });
}

int failed_at(Step step) {
    return 100 + static_cast<int>(step);
}

}  // namespace

TEST_CASE("run_plan: the program runs") {
    const Ready ready;

    CHECK(run_in_child(ready.plan) == 9);
}

TEST_CASE("run_plan: a missing program is ENOENT at the step execute") {
    Ready ready;
    ready.candidates[0] = "/no/such/program";

    CHECK(run_in_child(ready.plan, ENOENT) == failed_at(Step::execute));
}

TEST_CASE(
    "run_plan: candidates are tried in turn past those that are missing or forbidden") {
    Ready ready;
    const char* const candidates[] = {"/no/such/program", "/dev/null", "/etc/passwd/x",
                                      ready.candidates[0], nullptr};
    ready.plan.candidates = candidates;

    CHECK(run_in_child(ready.plan) == 9);
}

TEST_CASE("run_plan: if no candidate runs, one that may not be executed is the reason") {
    Ready ready;
    const char* const candidates[] = {"/no/such/program", "/dev/null", "/also/missing",
                                      nullptr};
    ready.plan.candidates = candidates;

    CHECK(run_in_child(ready.plan, EACCES) == failed_at(Step::execute));
}

TEST_CASE("run_plan: a directory that is missing is ENOENT at the step enter_directory") {
    Ready ready;
    ready.plan.directory = "/no/such/directory";

    CHECK(run_in_child(ready.plan, ENOENT) == failed_at(Step::enter_directory));
}

TEST_CASE(
    "run_plan: a directory that is named by a descriptor is entered before that closes") {
    Ready ready;
    const int directory = ::open(CHILDREN, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::string path = "/dev/fd/" + std::to_string(directory);
    ready.candidates[0] = "./child.exit_with";
    ready.plan.directory = path.c_str();

    CHECK(run_in_child(ready.plan) == 9);
    ::close(directory);
}

TEST_CASE("run_plan: a descriptor that is not open is EBADF where it is needed") {
    Ready moving;
    moving.plan.moves = order_moves({no_source, 999, no_source});
    Ready passing;
    const int passed[] = {999};
    passing.plan.passed = passed;
    passing.plan.passed_count = 1;

    CHECK(run_in_child(moving.plan, EBADF) == failed_at(Step::redirect));
    CHECK(run_in_child(passing.plan, EBADF) == failed_at(Step::pass_descriptors));
}

TEST_CASE(
    "run_plan: a process group that does not exist is EPERM at the step join_group") {
    Ready ready;
    ready.plan.joins_group = true;
    ready.plan.group = 2'000'000'000;

    const int ended = run_in_child(ready.plan, EPERM);

    CHECK((ended == failed_at(Step::join_group) ||
           run_in_child(ready.plan, ESRCH) == failed_at(Step::join_group)));
}

#ifdef __linux__
TEST_CASE(
    "run_plan: a child whose parent has been killed fetches nothing from who has it "
    "now") {
    const int answer = test::forked([] {
        if (::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return 1;
        // What the child looks for in its parent, open in the one that it falls to too.
        const int high = ::fcntl(1, F_DUPFD_CLOEXEC, 300);
        const pid_t parent = ::fork();
        if (parent == 0) {
            const pid_t number = ::getpid();
            const pid_t child = ::fork();
            if (child == 0) {
                while (::getppid() == number) ::sched_yield();
                Ready ready;
                FdMoves moves = order_moves({no_source, high, no_source});
                ready.plan.fetches_far = true;
                ready.plan.fetches_by_pidfd = true;
                ready.plan.parent = number;
                ::_exit(fetch_sources(ready.plan, moves));
            }
            ::_exit(child < 0 ? 1 : 0);
        }
        int status = 0;
        int last = 0;
        for (pid_t ended = 0; (ended = ::wait(&status)) > 0;) {
            if (ended != parent) last = WEXITSTATUS(status);
        }
        return last;
    });

    // The portable side can fetch nothing at all.
    CHECK((answer == ESRCH || answer == ENOSYS));
}
#endif

TEST_CASE("connect_standard: a swap of two standard descriptors takes place") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);

    const int answer = test::forked([&] {
        struct stat out {};
        struct stat err {};
        ::dup2(ends[0], 1);
        ::dup2(ends[1], 2);
        ::fstat(1, &out);
        const int access_before = ::fcntl(1, F_GETFL) & O_ACCMODE;
        if (connect_standard(order_moves({no_source, 2, 1})) != 0) return 1;
        ::fstat(2, &err);
        const int access_after = ::fcntl(2, F_GETFL) & O_ACCMODE;
        return out.st_ino == err.st_ino && access_before == access_after ? 0 : 2;
    });

    ::close(ends[0]);
    ::close(ends[1]);
    CHECK(answer == 0);
}
