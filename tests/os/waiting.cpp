// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/waiting.hpp"

#include <cerrno>
#include <csignal>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/fd.hpp"
#include "support/catch.hpp"

using namespace pyproc;

namespace {

constexpr pid_t nobody_has_this_pid =
    (1 << 22) + 1;  // above what Linux allows as pid_max
constexpr int answer = 42;

pid_t start_child_that_exits(int code) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(code);
    return child;
}

/// A child that runs until `release`, then exits with `answer`.
struct HeldChild {
    pid_t pid;
    posix::UniqueFd hold;

    void release() { hold.reset(); }
};

HeldChild start_held_child() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::close(ends[1]);
        char byte = 0;
        while (::read(ends[0], &byte, 1) < 0 && errno == EINTR) {
        }
        ::_exit(answer);
    }
    ::close(ends[0]);
    return {pid, posix::UniqueFd{ends[1]}};
}

volatile std::sig_atomic_t interruptions_so_far = 0;
volatile std::sig_atomic_t closed_at_last = -1;

/// Sends SIGALRM to this process, a thousand times a second; at the twentieth it closes a
/// descriptor.
class Interruptions {
public:
    explicit Interruptions(int fd) {
        interruptions_so_far = 0;
        closed_at_last = fd;
        struct sigaction action {};
        action.sa_handler = [](int) {
            interruptions_so_far = interruptions_so_far + 1;
            if (interruptions_so_far == 20) ::close(closed_at_last);
        };
        ::sigaction(SIGALRM, &action, &before_);  // without SA_RESTART
        const itimerval each_millisecond{{0, 1000}, {0, 1000}};
        ::setitimer(ITIMER_REAL, &each_millisecond, nullptr);
    }
    ~Interruptions() {
        const itimerval never{};
        ::setitimer(ITIMER_REAL, &never, nullptr);
        ::sigaction(SIGALRM, &before_, nullptr);
        // A wait that gave up would leave a child that nothing ends.
        if (interruptions_so_far < 20) ::close(closed_at_last);
    }
    Interruptions(const Interruptions&) = delete;
    Interruptions& operator=(const Interruptions&) = delete;

private:
    struct sigaction before_ {};
};

template <class Call>
int code_of(Call call) {
    try {
        call();
    } catch (const OSError& error) {
        return error.code().value();
    }
    return 0;
}

/// Whether this side of the library, and the kernel, have descriptors for processes.
bool has_pidfd() {
    return code_of([] { ::close(os::pidfd_open(::getpid())); }) == 0;
}

}  // namespace

TEST_CASE("waitpid: tells which child has ended, and how") {
    const pid_t child = start_child_that_exits(answer);

    const auto [pid, status] = os::waitpid(child, 0);

    CHECK(pid == child);
    CHECK(os::waitstatus_to_exitcode(status) == answer);
}

TEST_CASE("waitpid: -1 waits for any child") {
    const pid_t child = start_child_that_exits(answer);

    CHECK(os::waitpid(-1, 0).pid == child);
}

TEST_CASE("waitpid: with WNOHANG a child that still runs gives pid 0 at once") {
    HeldChild child = start_held_child();

    const auto [pid, status] = os::waitpid(child.pid, WNOHANG);

    CHECK(pid == 0);
    CHECK(status == 0);
    child.release();
    CHECK(os::waitpid(child.pid, 0).pid == child.pid);
}

TEST_CASE("waitpid: with WUNTRACED a stopped child is told of, and it goes on later") {
    HeldChild child = start_held_child();
    ::kill(child.pid, SIGSTOP);

    const auto [pid, status] = os::waitpid(child.pid, WUNTRACED);

    CHECK(pid == child.pid);
    CHECK(WIFSTOPPED(status));
    CHECK_THROWS_AS(os::waitstatus_to_exitcode(status), ValueError);
    ::kill(child.pid, SIGCONT);
    child.release();
    CHECK(os::waitstatus_to_exitcode(os::waitpid(child.pid, 0).status) == answer);
}

TEST_CASE("waitpid: signals that are handled meanwhile do not end the wait") {
    HeldChild child = start_held_child();
    const Interruptions interruptions{child.hold.release()};

    const auto [pid, status] = os::waitpid(child.pid, 0);

    CHECK(pid == child.pid);
    CHECK(os::waitstatus_to_exitcode(status) == answer);
}

TEST_CASE("waitpid: who has no child gets a ChildProcessError that names the call") {
    CHECK_THROWS_AS(os::waitpid(-1, 0), ChildProcessError);
    CHECK_THROWS_WITH(os::waitpid(-1, 0), test::Contains("waitpid"));
}

TEST_CASE("waitpid: a child can be waited for only once") {
    const pid_t child = start_child_that_exits(0);
    (void)os::waitpid(child, 0);

    CHECK_THROWS_AS(os::waitpid(child, 0), ChildProcessError);
}

TEST_CASE("waitpid, wait4: an unknown option is an OSError with EINVAL") {
    constexpr int no_option = 0x00bc0000;

    CHECK(code_of([] { (void)os::waitpid(-1, no_option); }) == EINVAL);
    CHECK(code_of([] { (void)os::wait4(-1, no_option); }) == EINVAL);
}

TEST_CASE("wait4: tells what the child has used up, too") {
    const pid_t child = start_child_that_exits(answer);

    const auto [pid, status, rusage] = os::wait4(child, 0);

    CHECK(pid == child);
    CHECK(os::waitstatus_to_exitcode(status) == answer);
    CHECK(rusage.ru_maxrss > 0);
}

TEST_CASE("wait4: with WNOHANG a child that still runs has used up nothing yet") {
    HeldChild child = start_held_child();

    const auto [pid, status, rusage] = os::wait4(child.pid, WNOHANG);

    CHECK(pid == 0);
    CHECK(status == 0);
    CHECK(rusage == posix::Rusage{});
    child.release();
    CHECK(os::wait4(child.pid, 0).pid == child.pid);
}

TEST_CASE("wait4: signals that are handled meanwhile do not end the wait") {
    HeldChild child = start_held_child();
    const Interruptions interruptions{child.hold.release()};

    CHECK(os::wait4(child.pid, 0).pid == child.pid);
}

TEST_CASE("wait4: who has no child gets a ChildProcessError") {
    CHECK_THROWS_AS(os::wait4(-1, 0), ChildProcessError);
}

TEST_CASE("waitstatus_to_exitcode: an exit code, or minus the signal's number") {
    CHECK(os::waitstatus_to_exitcode(0) == 0);
    CHECK(os::waitstatus_to_exitcode(answer << 8) == answer);
    CHECK(os::waitstatus_to_exitcode(SIGKILL) == -SIGKILL);
    CHECK(os::waitstatus_to_exitcode(SIGABRT | 0x80) == -SIGABRT);  // with a core dump
}

TEST_CASE("waitstatus_to_exitcode: a child that has not ended has none, a ValueError") {
    constexpr int stopped = SIGSTOP << 8 | 0x7f;
    constexpr int continued = 0xffff;

    CHECK_THROWS_AS(os::waitstatus_to_exitcode(stopped), ValueError);
    CHECK_THROWS_WITH(os::waitstatus_to_exitcode(stopped),
                      "process stopped by delivery of signal 19");
    CHECK_THROWS_WITH(os::waitstatus_to_exitcode(continued),
                      "invalid wait status: 65535");
}

TEST_CASE("pidfd_open: the descriptor is readable once the process has ended") {
    if (!has_pidfd()) return;
    HeldChild child = start_held_child();

    const posix::UniqueFd pidfd{os::pidfd_open(child.pid)};
    pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};
    const int ready_before = ::poll(&entry, 1, 0);
    child.release();
    const int ready_after = ::poll(&entry, 1, -1);

    CHECK(ready_before == 0);
    CHECK(ready_after == 1);
    CHECK(os::waitpid(child.pid, 0).pid == child.pid);
}

TEST_CASE("pidfd_open: no program started from here inherits the descriptor") {
    if (!has_pidfd()) return;

    const posix::UniqueFd pidfd{os::pidfd_open(::getpid())};

    CHECK((::fcntl(pidfd.get(), F_GETFD) & FD_CLOEXEC) != 0);
}

TEST_CASE("pidfd_open: nobody's pid is a ProcessLookupError") {
    if (!has_pidfd()) return;

    CHECK_THROWS_AS(os::pidfd_open(nobody_has_this_pid), ProcessLookupError);
}

TEST_CASE("pidfd_open: a pid that is not positive or an unknown flag is EINVAL") {
    if (!has_pidfd()) return;

    CHECK(code_of([] { (void)os::pidfd_open(-1); }) == EINVAL);
    CHECK(code_of([] { (void)os::pidfd_open(0); }) == EINVAL);
    CHECK(code_of([] { (void)os::pidfd_open(::getpid(), 99); }) == EINVAL);
}

TEST_CASE("pidfd_open: a system without it says so, an OSError that names the call") {
    if (has_pidfd()) return;

    CHECK_THROWS_AS(os::pidfd_open(::getpid()), OSError);
    CHECK_THROWS_WITH(os::pidfd_open(::getpid()), test::Contains("pidfd_open"));
}
