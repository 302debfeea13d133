// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/reaper.hpp"

#include <cerrno>
#include <csignal>
#include <set>
#include <vector>

#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/ptrace.h>
#endif

#include "pyproc/posix/platform.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

namespace {

/// A child that lives until the write end of the pipe is closed everywhere.
pid_t child_until_closed(Pipe& pipe) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::close(pipe.write_end.get());
    char byte = 0;
    while (::read(pipe.read_end.get(), &byte, 1) > 0) {
    }
    ::_exit(0);
}

UniqueFd pidfd_of(pid_t child) {
    auto pidfd = platform::pidfd_open(child);
    return pidfd ? std::move(*pidfd) : UniqueFd{};
}

bool has_child(pid_t child) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child), &info,
                    WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool has_ended(pid_t child) {
    siginfo_t info{};
    return ::waitid(P_PID, static_cast<id_t>(child), &info,
                    WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
}

/// Processor time that this process's threads use while `pause` goes by.
long microseconds_used_in(timespec pause) {
    timespec before{};
    timespec after{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    ::nanosleep(&pause, nullptr);
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    return (after.tv_sec - before.tv_sec) * 1'000'000 +
           (after.tv_nsec - before.tv_nsec) / 1000;
}

void wait_until_reaped(pid_t child) {
    while (has_child(child)) ::sched_yield();
}

/// The reaper's thread closes its pipe as the last thing it does.
void wait_until_descriptors_are(const std::set<int>& expected) {
    while (test::open_descriptors() != expected) ::sched_yield();
}

}  // namespace

TEST_CASE("Reaper: a child that it was left is reaped when it ends, and not before") {
    const auto before = test::open_descriptors();
    auto pipe = make_pipe().or_throw("pipe");
    const pid_t child = child_until_closed(pipe);

    REQUIRE(leave_to_reaper(child, pidfd_of(child)));
    CHECK(has_child(child));
    pipe = {};
    wait_until_reaped(child);

    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    wait_until_descriptors_are(before);
}

TEST_CASE("Reaper: one that is known by its number alone is reaped too") {
    const auto before = test::open_descriptors();
    auto pipe = make_pipe().or_throw("pipe");
    const pid_t child = child_until_closed(pipe);

    REQUIRE(leave_to_reaper(child, UniqueFd{}));
    pipe = {};
    wait_until_reaped(child);

    wait_until_descriptors_are(before);
}

TEST_CASE(
    "Reaper: it takes children that come while it sleeps, in whatever order they end") {
    const auto before = test::open_descriptors();
    constexpr int count = 20;
    std::vector<Pipe> pipes;
    std::vector<pid_t> children;

    for (int i = 0; i < count; ++i) {
        auto pipe = make_pipe().or_throw("pipe");
        children.push_back(child_until_closed(pipe));
        REQUIRE(leave_to_reaper(children.back(), pidfd_of(children.back())));
        pipes.push_back(std::move(pipe));
    }
    // A child has copies of the pipes made before its own, so the last made end first.
    while (!pipes.empty()) {
        pipes.pop_back();
        wait_until_reaped(children.back());
        children.pop_back();
        for (const pid_t child : children) CHECK(has_child(child));
    }

    wait_until_descriptors_are(before);
}

TEST_CASE(
    "Reaper: a child that has ended already is reaped, and one reaped elsewhere "
    "forgotten") {
    const auto before = test::open_descriptors();
    const pid_t ended = ::fork();
    if (ended == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(ended), &info, WEXITED | WNOWAIT);

    REQUIRE(leave_to_reaper(ended, pidfd_of(ended)));
    wait_until_reaped(ended);
    REQUIRE(leave_to_reaper(ended, UniqueFd{}));

    wait_until_descriptors_are(before);
}

TEST_CASE("Reaper: without a descriptor left it takes nothing over") {
    const int answer = test::forked([] {
        auto pipe = make_pipe().or_throw("pipe");
        const pid_t child = child_until_closed(pipe);
        const auto before = test::open_descriptors();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit none_left{3, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none_left);

        const auto left = leave_to_reaper(child, UniqueFd{});

        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (left.code() != EMFILE) return 1;
        if (test::open_descriptors() != before) return 2;
        pipe = {};
        return ::waitpid(child, nullptr, 0) == child ? 0 : 3;
    });

    CHECK(answer == 0);
}

#ifdef __linux__
TEST_CASE("Reaper: a stranger that was given the number of a child is left alone") {
    const auto before = test::open_descriptors();
    const pid_t gone = ::fork();
    if (gone == 0) ::_exit(0);
    UniqueFd pidfd = pidfd_of(gone);
    ::waitpid(gone, nullptr, 0);
    const pid_t stranger = ::fork();
    if (stranger == 0) ::_exit(42);
    while (!has_ended(stranger)) ::sched_yield();
    if (!pidfd) {
        ::waitpid(stranger, nullptr, 0);
        return;
    }

    REQUIRE(leave_to_reaper(stranger, std::move(pidfd)));
    wait_until_descriptors_are(before);

    int status = 0;
    CHECK(::waitpid(stranger, &status, 0) == stranger);
    CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("Reaper: it takes no processor for a dead child that a debugger still holds") {
    auto pipe = make_pipe().or_throw("pipe");
    auto ready = make_pipe().or_throw("pipe");
    const pid_t child = child_until_closed(pipe);
    const pid_t debugger = ::fork();
    if (debugger == 0) {
        const bool is_seized = ::ptrace(PTRACE_SEIZE, child, 0, 0) == 0;
        if (::write(ready.write_end.get(), is_seized ? "y" : "n", 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    char answer = 'n';
    REQUIRE(::read(ready.read_end.get(), &answer, 1) == 1);
    if (answer == 'n') WARN("ptrace is refused");

    UniqueFd pidfd = pidfd_of(child);
    pollfd end{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    REQUIRE(leave_to_reaper(child, pidfd_of(child)));
    ::kill(child, SIGKILL);
    if (pidfd) ::poll(&end, 1, -1);
    const long used = microseconds_used_in({.tv_sec = 0, .tv_nsec = 300'000'000});
    ::kill(debugger, SIGKILL);
    ::waitpid(debugger, nullptr, 0);
    wait_until_reaped(child);

    CHECK(used < 50'000);
}
#endif

TEST_CASE(
    "Reaper: a limit lowered below the number of children costs time, not a processor") {
    const int answer = test::forked([] {
        std::vector<Pipe> pipes;
        std::vector<pid_t> children;
        for (int i = 0; i < 10; ++i) {
            pipes.push_back(make_pipe().or_throw("pipe"));
            children.push_back(child_until_closed(pipes.back()));
            leave_to_reaper(children.back(), pidfd_of(children.back())).or_throw("adopt");
        }
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit few{5, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &few);
        // A child has copies of the pipes made before its own.
        pipes.pop_back();
        wait_until_reaped(children.back());
        if (microseconds_used_in({.tv_sec = 0, .tv_nsec = 300'000'000}) > 50'000)
            return 1;
        while (!pipes.empty()) pipes.pop_back();
        for (const pid_t child : children) wait_until_reaped(child);
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE("Reaper: a forked child has one of its own") {
    const auto before = test::open_descriptors();
    auto pipe = make_pipe().or_throw("pipe");
    const pid_t ours = child_until_closed(pipe);
    REQUIRE(leave_to_reaper(ours, pidfd_of(ours)));

    const int answer = test::forked([] {
        const pid_t child = ::fork();
        if (child == 0) ::_exit(0);
        if (!leave_to_reaper(child, pidfd_of(child))) return 1;
        wait_until_reaped(child);
        return 0;
    });

    CHECK(answer == 0);
    CHECK(has_child(ours));
    pipe = {};
    wait_until_reaped(ours);
    wait_until_descriptors_are(before);
}
