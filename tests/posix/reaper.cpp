// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/reaper.hpp"

#include <cerrno>
#include <csignal>
#include <set>
#include <vector>

#include <sched.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

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
