// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/process_handle.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include <sys/ptrace.h>

#include "support/seccomp.hpp"
#endif

using namespace pyproc;
using namespace pyproc::posix;
using namespace std::chrono_literals;

namespace {

/// A child that lives until `let_go`, and then ends with code 5.
class Waiting {
public:
    Waiting() : gate_{make_pipe().or_throw("pipe")}, pid_{start()} {}

    [[nodiscard]] pid_t pid() const { return pid_; }
    [[nodiscard]] UniqueFd pidfd() const {
        auto opened = platform::pidfd_open(pid_);
        return opened ? std::move(*opened) : UniqueFd{};
    }
    void let_go() { gate_.write_end.reset(); }

private:
    pid_t start() {
        const pid_t child = ::fork();
        if (child == 0) {
            gate_.write_end.reset();
            char byte;
            static_cast<void>(::read(gate_.read_end.get(), &byte, 1) == 0);
            ::_exit(5);
        }
        return child;
    }

    Pipe gate_;
    pid_t pid_;
};

}  // namespace

TEST_CASE("ProcessHandle: nothing is known of a child that runs") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};

    CHECK(handle.pid() == child.pid());
    CHECK_FALSE(handle.ended());
    CHECK_FALSE(handle.poll());
    CHECK_FALSE(handle.wait_until(Deadline::after(0s)));

    child.let_go();
    CHECK(handle.wait().status == ExitStatus::exited(5));
}

TEST_CASE("ProcessHandle: the status is known to every question after the first answer") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();

    CHECK(handle.wait().status == ExitStatus::exited(5));

    CHECK(handle.ended()->status == ExitStatus::exited(5));
    CHECK(handle.poll()->status == ExitStatus::exited(5));
    CHECK(handle.wait().status == ExitStatus::exited(5));
    CHECK(handle.wait_until(Deadline::after(0s))->status == ExitStatus::exited(5));
    CHECK_FALSE(handle.ended()->is_lost);
}

TEST_CASE("ProcessHandle: a signal that ends the child is its status") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};

    CHECK(handle.send_signal(SIGKILL));

    CHECK(handle.wait().status == ExitStatus::killed(SIGKILL));
}

TEST_CASE("ProcessHandle: a reaped child can't be signalled") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();
    handle.wait();

    CHECK(handle.send_signal(SIGKILL).code() == ESRCH);
}

TEST_CASE("ProcessHandle: a number that is no signal is EINVAL") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};

    CHECK(handle.send_signal(10'000).code() == EINVAL);

    child.let_go();
    handle.wait();
}

TEST_CASE(
    "ProcessHandle: an ended child that nobody has reaped yet takes signals silently") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();
    siginfo_t info{};
    REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT) ==
            0);

    CHECK(handle.send_signal(SIGKILL));

    CHECK(handle.wait().status == ExitStatus::exited(5));
}

TEST_CASE("ProcessHandle: reaping the child closes the descriptor for it") {
    const auto before = test::open_descriptors();
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();

    handle.wait();

    CHECK(handle.duplicate_pidfd().code() == ESRCH);
    CHECK(test::open_descriptors().size() == before.size() + 1);  // the gate's read end
}

TEST_CASE("ProcessHandle: a child that something else reaped is lost, and said to be") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();
    ::waitpid(child.pid(), nullptr, 0);

    CHECK(handle.send_signal(SIGTERM).code() == ESRCH);
    CHECK(handle.wait().is_lost);
    CHECK(handle.poll()->is_lost);
    CHECK(handle.send_signal(SIGTERM).code() == ESRCH);
}

TEST_CASE(
    "ProcessHandle: without a pidfd, a child that was reaped elsewhere gets no signal") {
    Waiting child;
    ProcessHandle handle{child.pid(), UniqueFd{}};
    CHECK(handle.send_signal(0));
    child.let_go();
    ::waitpid(child.pid(), nullptr, 0);

    // Its number may be a stranger's by now.
    CHECK(handle.send_signal(0).code() == ESRCH);
}

TEST_CASE(
    "ProcessHandle: with SIGCHLD ignored a child is waited for, and its status lost") {
    const auto before = std::signal(SIGCHLD, SIG_IGN);
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    child.let_go();

    const Ended end = handle.wait();
    std::signal(SIGCHLD, before);

    CHECK(end.is_lost);
    CHECK(::kill(child.pid(), 0) == -1);
}

TEST_CASE("ProcessHandle: a timed wait ends as soon as the child does") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    std::thread opener{[&] { child.let_go(); }};

    const auto end = handle.wait_until(Deadline::after(1h));
    opener.join();

    REQUIRE(end);
    CHECK(end->status == ExitStatus::exited(5));
}

TEST_CASE("ProcessHandle: a timed wait ends at its deadline and no earlier") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    const auto deadline = Deadline::clock::now() + 30ms;

    CHECK_FALSE(handle.wait_until(Deadline{deadline}));
    CHECK(Deadline::clock::now() >= deadline);

    child.let_go();
    handle.wait();
}

TEST_CASE("ProcessHandle: what a child used is known once it has been waited for") {
    const pid_t pid = ::fork();
    if (pid == 0) {
        std::vector<char> touched(32 << 20);
        for (std::size_t i = 0; i < touched.size(); i += 4096) touched[i] = 1;
        volatile char last = touched.back();
        ::_exit(last);
    }
    auto pidfd = platform::pidfd_open(pid);
    ProcessHandle handle{pid, pidfd ? std::move(*pidfd) : UniqueFd{}};

    const Ended end = handle.wait();

    CHECK(end.usage.ru_minflt > (32 << 20) / 4096 / 2);
}

TEST_CASE(
    "ProcessHandle: threads that wait, poll and signal at once get one true status") {
    for (int round = 0; round < 20; ++round) {
        Waiting child;
        ProcessHandle handle{child.pid(), child.pidfd()};
        std::vector<std::thread> threads;
        std::vector<ExitStatus> seen(12, ExitStatus::exited(99));
        for (std::size_t i = 0; i < seen.size(); ++i) {
            threads.emplace_back([&handle, &into = seen[i], i] {
                if (i % 4 == 0) into = handle.wait().status;
                if (i % 4 == 1) into = handle.wait_until(Deadline::after(1h))->status;
                if (i % 4 == 2) {
                    pyproc::posix::Maybe<Ended> end;
                    while (!(end = handle.poll())) std::this_thread::yield();
                    into = end->status;
                }
                if (i % 4 == 3) {
                    static_cast<void>(handle.send_signal(0));
                    into = handle.wait().status;
                }
            });
        }

        child.let_go();
        for (std::thread& thread : threads) thread.join();

        for (const ExitStatus status : seen) REQUIRE(status == ExitStatus::exited(5));
    }
}

TEST_CASE(
    "ProcessHandle: poll tells of an ended child though another thread waits for it") {
    Waiting child;
    ProcessHandle handle{child.pid(), child.pidfd()};
    std::thread waiter{[&] { handle.wait(); }};
    child.let_go();
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);

    const auto end = handle.poll();
    waiter.join();

    REQUIRE(end);
    CHECK(end->status == ExitStatus::exited(5));
}

#ifdef __linux__
TEST_CASE("ProcessHandle: where waiting by pidfd is refused, all is done by number") {
    for (const int code : {EINVAL, EPERM}) {
        const int answer = test::forked([&] {
            test::refuse_waiting_by_pidfd(code);
            Waiting child;
            ProcessHandle handle{child.pid(), child.pidfd()};
            std::thread waiter{[&] { handle.wait(); }};
            // Neither may be held up by the thread that waits.
            const bool runs = !handle.poll() && !handle.wait_until(Deadline::after(5ms));
            child.let_go();
            waiter.join();
            return runs && handle.poll()->status == ExitStatus::exited(5) ? 0 : 1;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE("ProcessHandle: where waitid is refused, a wait sleeps all the same") {
    const int answer = test::forked([] {
        Waiting child;
        ProcessHandle handle{child.pid(), UniqueFd{}};
        const auto used = [] {
            rusage usage{};
            ::getrusage(RUSAGE_SELF, &usage);
            return std::chrono::seconds{usage.ru_utime.tv_sec + usage.ru_stime.tv_sec} +
                   std::chrono::microseconds{usage.ru_utime.tv_usec +
                                             usage.ru_stime.tv_usec};
        };
        std::chrono::microseconds before{};
        std::thread ender{[&] {
            std::this_thread::sleep_for(200ms);
            child.let_go();
        }};
        test::in_sandbox({{{SYS_waitid}, EPERM}}, [&] {
            before = used();
            handle.wait();
        });
        const bool has_slept = used() - before < 100ms;
        ender.join();
        if (handle.wait().status != ExitStatus::exited(5)) return 1;
        return has_slept ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("ProcessHandle: where signalling by pidfd is refused, it is done by number") {
    for (const int code : {ENOSYS, EPERM}) {
        const int answer = test::forked([&] {
            test::refuse({test::pidfd_send_signal_call}, code);
            Waiting child;
            ProcessHandle handle{child.pid(), child.pidfd()};
            if (!handle.send_signal(SIGKILL)) return 1;
            return handle.wait().status == ExitStatus::killed(SIGKILL) ? 0 : 2;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE(
    "ProcessHandle: a killed child that a tracer holds is waited for to the deadline") {
    const int answer = test::forked([] {
        Waiting child;
        ProcessHandle handle{child.pid(), child.pidfd()};
        Pipe ready = make_pipe().or_throw("pipe");
        Pipe done = make_pipe().or_throw("pipe");
        const pid_t tracer = ::fork();
        if (tracer == 0) {
            done.write_end.reset();
            const long traced = ::ptrace(PTRACE_SEIZE, child.pid(), 0, 0);
            const char byte = traced == 0 ? 'y' : 'n';
            static_cast<void>(::write(ready.write_end.get(), &byte, 1) == 1);
            char end;
            static_cast<void>(::read(done.read_end.get(), &end, 1) == 0);
            ::_exit(0);
        }
        char is_traced = 'n';
        static_cast<void>(::read(ready.read_end.get(), &is_traced, 1) == 1);
        ::kill(child.pid(), SIGKILL);
        const auto start = Deadline::clock::now();

        const auto end = handle.wait_until(Deadline{start + 50ms});

        const bool is_right =
            is_traced == 'n' || (!end && Deadline::clock::now() - start < 30s);
        done.write_end.reset();
        ::waitpid(tracer, nullptr, 0);
        const bool is_killed = handle.wait().status == ExitStatus::killed(SIGKILL);
        return is_right && is_killed ? 0 : 1;
    });

    CHECK(answer == 0);
}
#endif
