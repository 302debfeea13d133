// SPDX-License-Identifier: BSL-1.0
#include "pyproc/exit_status.hpp"

#include <csignal>

#include "support/catch.hpp"
#include "support/forked.hpp"

#include <sys/wait.h>
#include <unistd.h>

using pyproc::ExitStatus;

namespace {

int wait_status_of(int (*body)()) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(body());
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("ExitStatus: the returncode of an exited process is its exit code") {
    const auto status = ExitStatus::from_wait_status(wait_status_of([] { return 137; }));

    CHECK(status == ExitStatus::exited(137));
    CHECK_FALSE(status.was_killed());
    CHECK(status.code() == 137);
    CHECK(status.signal() == 0);
    CHECK(status.returncode() == 137);
}

TEST_CASE("ExitStatus: the returncode of a killed process is minus the signal's number") {
    const auto status = ExitStatus::from_wait_status(wait_status_of([] {
        ::kill(::getpid(), SIGKILL);
        return 0;
    }));

    CHECK(status == ExitStatus::killed(SIGKILL));
    CHECK(status.was_killed());
    CHECK(status.code() == 0);
    CHECK(status.signal() == SIGKILL);
    CHECK(status.returncode() == -SIGKILL);
}

TEST_CASE("ExitStatus: a core dump does not change which signal it was") {
    constexpr int dumped_core = 0x80;

    STATIC_REQUIRE(ExitStatus::from_wait_status(SIGSEGV | dumped_core) ==
                   ExitStatus::killed(SIGSEGV));
}

TEST_CASE(
    "ExitStatus: every wait status of an ended process reads as the C macros read it") {
    for (int status = 0; status <= 0xffff; ++status) {
        if (!WIFEXITED(status) && !WIFSIGNALED(status)) continue;
        const auto ours = ExitStatus::from_wait_status(status);
        REQUIRE(ours.was_killed() == WIFSIGNALED(status));
        if (WIFEXITED(status)) REQUIRE(ours.code() == WEXITSTATUS(status));
        if (WIFSIGNALED(status)) REQUIRE(ours.signal() == WTERMSIG(status));
    }
}
