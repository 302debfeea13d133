// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/signals.hpp"

#include <cerrno>
#include <csignal>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;

namespace {

constexpr pid_t nobody_has_this_pid =
    (1 << 22) + 1;  // above what Linux allows as pid_max
constexpr int not_a_signal = 99;

// Ends a process, and no framework handles it: a child could get SIGTERM while it still
// has the handlers of its parent.
constexpr int deadly = SIGUSR1;

/// A child that waits to be killed.
pid_t start_waiting_child() {
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    return child;
}

/// The signal that has ended a child.
int end_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

int code_of_kill(pid_t pid, int signal) {
    try {
        os::kill(pid, signal);
    } catch (const OSError& error) {
        return error.code().value();
    }
    return 0;
}

}  // namespace

TEST_CASE("kill: the process gets the signal") {
    const pid_t child = start_waiting_child();

    os::kill(child, deadly);

    CHECK(end_of(child) == deadly);
}

TEST_CASE("kill: signal 0 does nothing to a process that is there") {
    const pid_t child = start_waiting_child();

    CHECK_NOTHROW(os::kill(child, 0));
    os::kill(child, SIGKILL);

    CHECK(end_of(child) == SIGKILL);
}

TEST_CASE("kill: a process that has ended but was not waited for is still there") {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);

    CHECK_NOTHROW(os::kill(child, SIGKILL));

    CHECK(end_of(child) == 0);
}

TEST_CASE(
    "kill: a process that is not there is a ProcessLookupError that names the call") {
    CHECK_THROWS_AS(os::kill(nobody_has_this_pid, SIGTERM), ProcessLookupError);
    CHECK_THROWS_WITH(os::kill(nobody_has_this_pid, 0), test::Contains("kill"));
}

TEST_CASE("kill: another user's process is a PermissionError") {
    const pid_t program = ::getpid();

    const int is_so = test::forked([=] {
        constexpr uid_t nobody = 65534;
        const bool is_root = ::geteuid() == 0;
        if (is_root && ::setuid(nobody) != 0) return true;
        // Root's own is out of reach of who was root; for others the first process may
        // be.
        const int code = code_of_kill(is_root ? program : 1, 0);
        return is_root ? code == EPERM : code == EPERM || code == 0;
    });

    CHECK(is_so == 1);
}

TEST_CASE("kill: what is no signal is an OSError with EINVAL") {
    CHECK(code_of_kill(::getpid(), not_a_signal) == EINVAL);
    CHECK(code_of_kill(::getpid(), -1) == EINVAL);
}

TEST_CASE("killpg: every process of the group gets the signal") {
    const pid_t leader = start_waiting_child();
    ::setpgid(leader, leader);
    const pid_t member = start_waiting_child();
    ::setpgid(member, leader);

    os::killpg(leader, deadly);

    CHECK(end_of(leader) == deadly);
    CHECK(end_of(member) == deadly);
}

TEST_CASE("killpg: a group that is not there is a ProcessLookupError") {
    CHECK_THROWS_AS(os::killpg(nobody_has_this_pid, SIGTERM), ProcessLookupError);
}

TEST_CASE("killpg: a negative group is an OSError with EINVAL, not a process") {
    try {
        os::killpg(-5, 0);
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.code().value() == EINVAL);
    }
}
