// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/child_handle.hpp"

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/socket.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;
using pyproc::ExitStatus;
using pyproc::posix::Deadline;

namespace {

pid_t fork_sleeper() {
    const pid_t pid = ::fork();
    if (pid == 0) {
        for (;;) ::pause();
    }
    return pid;
}

/// A child of this process as if it were a fork server's, and the server's end.
struct Ward {
    pid_t pid = fork_sleeper();
    pyproc::posix::SocketPair sockets =
        pyproc::posix::make_stream_sockets().or_throw("socketpair");
    ChildHandle handle{ChildHandle::OfServer{pid, std::move(sockets.first)}};

    ~Ward() {
        ::kill(pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
    }

    void report(int wait_status) const {
        const Report report{Report::Kind::ended, pid, wait_status};
        static_cast<void>(pyproc::posix::send_some(
            sockets.second.get(), reinterpret_cast<const char*>(&report), sizeof report));
    }
};

}  // namespace

TEST_CASE("ChildHandle: of a child of this process it does as ProcessHandle does") {
    const pid_t pid = fork_sleeper();
    auto pidfd = pyproc::posix::platform::pidfd_open(pid);
    ChildHandle child{pid, pidfd ? std::move(*pidfd) : pyproc::posix::UniqueFd{}};

    const bool was_running = !child.poll() && !child.wait_until(Deadline::after(0s));
    const bool is_sent = static_cast<bool>(child.send_signal(SIGKILL));

    CHECK(child.pid() == pid);
    CHECK(was_running);
    CHECK(is_sent);
    CHECK(child.wait().status == ExitStatus::killed(SIGKILL));
    CHECK(child.ended());
    CHECK(child.send_signal(SIGKILL).code() == ESRCH);
}

TEST_CASE("ChildHandle: of a server's child the end is what the server reports") {
    Ward ward;

    const bool was_running = !ward.handle.poll() && !ward.handle.ended() &&
                             !ward.handle.wait_until(Deadline::after(1ms));
    ward.report(3 << 8);

    CHECK(was_running);
    CHECK(ward.handle.wait().status == ExitStatus::exited(3));
    CHECK(ward.handle.ended()->status == ExitStatus::exited(3));
    CHECK_FALSE(ward.handle.poll()->is_lost);
}

TEST_CASE("ChildHandle: a server's child is signalled until its end is reported") {
    Ward ward;

    const bool is_sent = static_cast<bool>(ward.handle.send_signal(SIGKILL));
    ::waitpid(ward.pid, nullptr, 0);
    ward.report(SIGKILL);

    CHECK(is_sent);
    CHECK(ward.handle.send_signal(SIGTERM).code() == ESRCH);
    CHECK(ward.handle.wait().status == ExitStatus::killed(SIGKILL));
}

TEST_CASE("ChildHandle: without server and child nobody can say how it ended") {
    Ward ward;

    ward.sockets.second.reset();

    CHECK(ward.handle.wait().is_lost);
}

TEST_CASE("ChildHandle: a descriptor of a server's child is readable from its end on") {
    Ward ward;
    const auto descriptor = ward.handle.duplicate_pidfd().or_throw("dup");

    const bool was_ready = test::is_ready(descriptor.get());
    ward.report(0);
    ward.handle.wait();

    CHECK_FALSE(was_ready);
    CHECK(test::is_ready(descriptor.get()));
}

TEST_CASE("Threads: all that wait for a server's child learn of its one end") {
    Ward ward;
    std::atomic<int> right_answers = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            if (ward.handle.wait().status == ExitStatus::exited(7)) ++right_answers;
        });
    }

    ward.report(7 << 8);
    for (std::thread& thread : threads) thread.join();

    CHECK(right_answers == 4);
}
