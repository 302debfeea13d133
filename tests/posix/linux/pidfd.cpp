// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/pidfd.hpp"

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace pyproc::posix;

namespace {

/// A child that lives until it is killed.
pid_t start_sleeper() {
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    return child;
}

}  // namespace

TEST_CASE(
    "pidfd_open: the descriptor is close-on-exec and polls readable once it ended") {
    const pid_t child = start_sleeper();
    const UniqueFd pidfd = platform::pidfd_open(child).or_throw("pidfd_open");
    pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};

    CHECK(::fcntl(pidfd.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::poll(&entry, 1, 0) == 0);
    CHECK(platform::pidfd_send_signal(pidfd.get(), SIGKILL));
    CHECK(::poll(&entry, 1, -1) == 1);

    ::waitpid(child, nullptr, 0);
}

TEST_CASE("pidfd_wait: under WNOHANG a running child leaves si_pid 0") {
    const pid_t child = start_sleeper();
    const UniqueFd pidfd = platform::pidfd_open(child).or_throw("pidfd_open");
    siginfo_t info{};
    rusage usage{};

    CHECK(platform::pidfd_wait(pidfd.get(), WEXITED | WNOHANG, info, usage));
    CHECK(info.si_pid == 0);
    CHECK(platform::pidfd_send_signal(pidfd.get(), SIGKILL));
    CHECK(platform::pidfd_wait(pidfd.get(), WEXITED, info, usage));
    CHECK(info.si_pid == child);
    CHECK(info.si_code == CLD_KILLED);
    CHECK(info.si_status == SIGKILL);
}

TEST_CASE("pidfd: one of a reaped child reaches nobody") {
    const pid_t child = start_sleeper();
    const UniqueFd pidfd = platform::pidfd_open(child).or_throw("pidfd_open");
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    siginfo_t info{};
    rusage usage{};

    CHECK(platform::pidfd_send_signal(pidfd.get(), SIGTERM).code() == ESRCH);
    CHECK(platform::pidfd_wait(pidfd.get(), WEXITED, info, usage).code() == ECHILD);
}

TEST_CASE("pidfd_open: a number that is no process is an error") {
    CHECK(platform::pidfd_open(-1).code() == EINVAL);
}
