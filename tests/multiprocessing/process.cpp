// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/process.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <cxxabi.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

/// A target that lives until it is killed, and says when it has come to that.
void sleep_for_ever(const test::Channel* ready) {
    ready->tell();
    for (;;) ::pause();
}

/// A started process that lives until it is killed.
Process started_sleeper(bool is_daemon = false) {
    const test::Channel ready;
    Process process({.daemon = is_daemon}, sleep_for_ever, &ready);
    process.start();
    ready.await();
    return process;
}

void end(Process& process) {
    process.kill();
    process.join();
}

/// The exit code of a process that calls `target(args...)`.
template <class... Args>
std::optional<int> exitcode_of(Args&&... args) {
    Process process(std::forward<Args>(args)...);
    process.start();
    process.join();
    return process.exitcode();
}

/// What a process that has been told nothing else writes to stderr.
template <class Target>
std::string stderr_of(Target target) {
    test::Redirected err{STDERR_FILENO};
    Process process({.name = "worker"}, target);
    process.start();
    process.join();
    return err.text();
}

struct Adder {
    int base = 0;
    void exit_with_sum(int n) const { throw SystemExit{base + n}; }
};

class Worker : public Process {
public:
    explicit Worker(int code) : code_{code} {}
    void run() override { throw SystemExit{code_}; }

private:
    int code_;
};

constexpr int right = 42;
constexpr int wrong = 43;
constexpr unsigned longest_wait = 30;  // seconds, after which a hang is what it is

/// A stream of C whose other end is `read_end`.
struct PipeStream {
    pyproc::posix::UniqueFd read_end;
    std::FILE* stream = nullptr;

    PipeStream() {
        auto pipe = pyproc::posix::make_pipe().or_throw("pipe");
        read_end = std::move(pipe.read_end);
        stream = ::fdopen(pipe.write_end.release(), "w");
    }

    /// Closes the stream, and returns all that was written to it.
    [[nodiscard]] std::string text() {
        std::fclose(stream);
        char text[256];
        const auto got = pyproc::posix::read_some(read_end.get(), text, sizeof text);
        return {text, got ? *got : 0};
    }
};

/// What a handler of fork writes to, as another thread might just then.
std::FILE* written_by_fork = nullptr;

[[noreturn]] void answer(bool is_right) {
    throw SystemExit{is_right ? right : wrong};
}

/// Has the parent reap every child before fork returns, as an ignored SIGCHLD may.
void lose_children() {
    ::pthread_atfork(
        nullptr,
        [] {
            while (::waitpid(-1, nullptr, 0) > 0) continue;
        },
        nullptr);
}

}  // namespace

TEST_CASE("Process: moves, but does not copy") {
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Process>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Process>);
}

TEST_CASE("start: the target runs in a process of its own, a child of this one") {
    const test::Channel channel;
    Process process([&channel] {
        channel.tell(std::to_string(::getpid()));
        channel.tell(std::to_string(::getppid()));
    });

    process.start();
    process.join();

    CHECK(channel.hear() == std::to_string(*process.pid()));
    CHECK(channel.hear() == std::to_string(::getpid()));
    CHECK(process.pid() != ::getpid());
}

TEST_CASE("start: the target gets copies of the arguments") {
    CHECK(exitcode_of([](int a, int b) { throw SystemExit{a + b}; }, 1, 2) == 3);
    CHECK(exitcode_of([](std::unique_ptr<int> p) { throw SystemExit{*p}; },
                      std::make_unique<int>(4)) == 4);
    CHECK(exitcode_of(&Adder::exit_with_sum, Adder{5}, 6) == 11);
}

TEST_CASE(
    "start: what the child changes the parent does not see, not by std::ref either") {
    int n = right;

    const auto code = exitcode_of(
        [](int& its) {
            ++its;
            throw SystemExit{its};
        },
        std::ref(n));

    CHECK(code == right + 1);
    CHECK(n == right);
}

TEST_CASE("start: the parent's copy of the target is destroyed") {
    const auto argument = std::make_shared<int>(1);
    Process process([](const std::shared_ptr<int>&) {}, argument);
    const long before = argument.use_count();

    process.start();

    CHECK(before == 2);
    CHECK(argument.use_count() == 1);
    process.join();
}

TEST_CASE("start: a derived class runs its own code") {
    Worker worker{7};

    worker.start();
    worker.join();

    CHECK(worker.exitcode() == 7);
}

TEST_CASE("start: an object that has lost its class in a move is refused") {
    Worker worker{7};
    std::vector<Process> processes;
    processes.push_back(std::move(worker));  // the standard allows no way to forbid this

    CHECK_THROWS_WITH(processes[0].start(),
                      "cannot start a process that was moved out of an object of class "
                      "Worker: its run() has stayed behind");
}

TEST_CASE("A derived class may be moved as what it is, and as a Process once started") {
    Worker first{7};
    Worker worker = std::move(first);
    first = Worker{8};
    std::vector<Worker> workers;
    workers.push_back(std::move(worker));
    workers.push_back(std::move(first));

    for (Worker& each : workers) each.start();
    std::vector<Process> processes;
    processes.reserve(workers.size());
    for (Worker& each : workers) processes.push_back(std::move(each));
    for (Process& each : processes) each.join();

    CHECK(processes[0].exitcode() == 7);
    CHECK(processes[1].exitcode() == 8);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Process, Worker>);
    STATIC_REQUIRE_FALSE(std::is_assignable_v<Process&, Worker>);
}

TEST_CASE("start: a process without a target does nothing, with success") {
    CHECK(exitcode_of() == 0);
}

TEST_CASE("start: twice is an error") {
    Process process([] {});
    process.start();

    CHECK_THROWS_WITH(process.start(), "cannot start a process twice");

    process.join();
    CHECK_THROWS_WITH(process.start(), "cannot start a process twice");
}

TEST_CASE("start: only the process that made an object may start it") {
    Process process([] {});

    const auto code = exitcode_of([&process] {
        try {
            process.start();
        } catch (const std::logic_error& error) {
            answer(std::string{error.what()} ==
                   "can only start a process object created by current process");
        }
    });

    CHECK(code == right);
}

TEST_CASE("start: a daemon may not have children, unless it says it is none") {
    const auto code = [](bool becomes_other) {
        Process daemon({.daemon = true}, [becomes_other] {
            if (becomes_other) current_process().set_daemon(false);
            try {
                Process child([] {});
                child.start();
                answer(becomes_other);
            } catch (const std::logic_error& error) {
                answer(std::string{error.what()} ==
                       "daemonic processes are not allowed to have children");
            }
        });
        daemon.start();
        daemon.join();
        return daemon.exitcode();
    };

    CHECK(code(false) == right);
    CHECK(code(true) == right);
}

TEST_CASE("start: when the system refuses, it is an OSError and may be tried again") {
    const int code = test::forked([] {
        // The limit does not hold for root, so that the test must be somebody else.
        if (::getuid() == 0 && ::setuid(65534) != 0) return 1;
        rlimit limit{};
        ::getrlimit(RLIMIT_NPROC, &limit);
        const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
        ::setrlimit(RLIMIT_NPROC, &none);
        Process process([] { throw SystemExit{right}; });
        try {
            process.start();
            return 2;
        } catch (const pyproc::BlockingIOError&) {
        }
        if (process.pid() || process.is_alive() || !active_children().empty()) return 3;

        ::setrlimit(RLIMIT_NPROC, &limit);
        process.start();
        process.join();
        return process.exitcode().value_or(4);
    });

    CHECK(code == right);
}

TEST_CASE("The end of a process: a return, a SystemExit, an exception, a signal") {
    CHECK(exitcode_of([] {}) == 0);
    CHECK(exitcode_of([] { throw SystemExit{}; }) == 0);
    CHECK(exitcode_of([] { throw SystemExit{3}; }) == 3);
    CHECK(exitcode_of([] { throw SystemExit{256 + 3}; }) == 3);
    CHECK(exitcode_of([] { throw SystemExit{-1}; }) == 255);
    CHECK(exitcode_of([] { ::raise(SIGKILL); }) == -SIGKILL);
    CHECK(exitcode_of([] { std::_Exit(9); }) == 9);
    CHECK(exitcode_of([] { std::quick_exit(8); }) == 8);
}

TEST_CASE(
    "The end of a process: std::exit keeps its status where the C library tells it") {
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK(exitcode_of([] { std::exit(5); }) == EXIT_FAILURE);
#else
    CHECK(exitcode_of([] { std::exit(5); }) == 5);
#endif
}

TEST_CASE("The end of a process: pthread_exit and cancellation are as a return") {
    std::cout.flush();
    test::Redirected out{STDOUT_FILENO};

    const auto exited = exitcode_of([] {
        std::cout << "exited, ";
        ::pthread_exit(nullptr);
    });
    const auto cancelled = exitcode_of([] {
        std::cout << "cancelled, ";
        ::pthread_cancel(::pthread_self());
        ::pthread_testcancel();
    });
    const auto pending = exitcode_of([] {
        std::cout << "cancelled too late";
        ::pthread_cancel(::pthread_self());
    });

    CHECK(exited == 0);
    CHECK(cancelled == 0);
    CHECK(pending == 0);
    CHECK(out.text() == "exited, cancelled, cancelled too late");
}

TEST_CASE("The end of a process: std::exit runs no handler of the parent, old or new") {
    const int code = test::forked([] {
        std::atexit([] { ::_exit(wrong); });
        static_cast<void>(exitcode_of([] {}));
        std::atexit([] { ::_exit(wrong); });  // after the first start, before the second
        const auto childs = exitcode_of([] { std::exit(EXIT_FAILURE); });
        const auto grandchilds = exitcode_of([] {
            std::atexit([] { ::_exit(wrong); });
            const auto its = exitcode_of([] { std::exit(EXIT_FAILURE); });
            ::_exit(its == EXIT_FAILURE ? right : wrong);
        });
        return childs == EXIT_FAILURE ? grandchilds.value_or(0) : 1;
    });

    CHECK(code == right);
}

TEST_CASE("The end of a process: std::exit runs the handlers that it registered itself") {
    const auto code = exitcode_of([] {
        std::atexit([] { ::_exit(right); });
        static_cast<void>(exitcode_of([] {}));  // has a hook of its own, which is gone
        std::exit(0);
    });

    CHECK(code == right);
}

TEST_CASE("An exception that leaves the target is reported, and is exit code 1") {
    const auto throws = [] { throw std::out_of_range{"no such index"}; };

    CHECK(stderr_of(throws) == "Process worker:\nstd::out_of_range: no such index\n");
    CHECK(stderr_of([] { throw 7; }) == "Process worker:\nint\n");
    CHECK(stderr_of([] { throw std::string{"no"}; }) ==
          "Process worker:\nstd::string: no\n");
    CHECK(stderr_of([] { throw SystemExit{"enough"}; }) == "enough\n");
    CHECK(stderr_of([] { throw SystemExit{2}; }).empty());
    test::Redirected quiet{STDERR_FILENO};
    CHECK(exitcode_of(throws) == 1);
}

TEST_CASE(
    "Output: what the parent has in its buffers is written once, before the child's") {
    std::cout.flush();
    test::Redirected out{STDOUT_FILENO};
    std::printf("parent, ");
    std::cout << "parent again, ";

    const auto code = exitcode_of([] {
        std::printf("child, ");
        std::cout << "child again";
    });

    CHECK(code == 0);
    CHECK(out.text() == "parent, parent again, child, child again");
}

TEST_CASE("Output: what the parent has in other streams of C stays its own") {
    PipeStream file;
    std::fputs("the parent's", file.stream);

    const auto code = exitcode_of([] {});

    CHECK(code == 0);
    CHECK(file.text() == "the parent's");
}

TEST_CASE("Output: what comes into a stream of C just before the fork is not doubled") {
    const auto text_after = [](void (*target)()) {
        PipeStream file;
        written_by_fork = file.stream;
        const int code = test::forked([target] {
            ::pthread_atfork([] { std::fputs("once", written_by_fork); }, nullptr,
                             nullptr);
            static_cast<void>(exitcode_of(target));
            return std::fflush(written_by_fork);
        });
        CHECK(code == 0);
        return file.text();
    };

    CHECK(text_after([] {}) == "once");
    CHECK(text_after([] { throw SystemExit{2}; }) == "once");
    CHECK(text_after([] { std::exit(0); }) == "once");
}

TEST_CASE("start: does not wait for a thread that waits for input") {
    const int code = test::forked([] {
        ::alarm(longest_wait);
        const auto silent = pyproc::posix::make_pipe().or_throw("pipe");
        ::dup2(silent.read_end.get(), STDIN_FILENO);
        std::thread{[] { static_cast<void>(std::cin.get()); }}.detach();
        // A thread that reads holds the lock of the stream.
        while (::ftrylockfile(stdin) == 0) {
            ::funlockfile(stdin);
            std::this_thread::yield();
        }

        return exitcode_of([] { answer(std::cin.get() == EOF); }).value_or(0);
    });

    CHECK(code == right);
}

TEST_CASE("Input: a child has none") {
    const test::Channel typed;
    const int ours = ::dup(STDIN_FILENO);

    const auto code = exitcode_of([] { answer(std::getchar() == EOF); });

    CHECK(code == right);
    CHECK(::dup2(ours, STDIN_FILENO) == STDIN_FILENO);  // it is still open here
    ::close(ours);
}

TEST_CASE("join: waits for the end; a limit makes it give up, and tell") {
    Process process = started_sleeper();

    CHECK_FALSE(process.join(0s));
    CHECK_FALSE(process.join(-1s));
    CHECK_FALSE(process.join(20ms));
    process.kill();
    CHECK(process.join(std::chrono::hours::max()));
    CHECK(process.join(0s));
    CHECK_NOTHROW(process.join());
}

TEST_CASE("join: only of a started process") {
    Process process([] {});

    CHECK_THROWS_WITH(process.join(), "can only join a started process");
    CHECK_THROWS_WITH(process.join(1s), "can only join a started process");
    CHECK_THROWS_WITH(process.terminate(), "can only terminate a started process");
    CHECK_THROWS_WITH(process.kill(), "can only kill a started process");
}

TEST_CASE("Another process may not join, test, signal or close a child of this one") {
    Process child = started_sleeper();
    const auto refused = [](auto use) {
        try {
            use();
        } catch (const std::logic_error&) {
            return true;
        }
        return false;
    };

    const auto code = exitcode_of([&] {
        answer(refused([&] { child.join(); }) &&                         //
               refused([&] { static_cast<void>(child.is_alive()); }) &&  //
               refused([&] { child.terminate(); }) &&                    //
               refused([&] { static_cast<void>(child.sentinel()); }) &&  //
               refused([&] { child.close(); }) &&                        //
               child.pid().has_value() && !child.exitcode() && active_children().empty());
    });

    CHECK(code == right);
    CHECK(child.is_alive());
    end(child);
}

TEST_CASE("A process before its start, while it runs and after its end") {
    const test::Channel ready;
    Process process(sleep_for_ever, &ready);
    CHECK_FALSE(process.is_alive());
    CHECK_FALSE(process.pid());
    CHECK_FALSE(process.exitcode());

    process.start();
    ready.await();
    const auto pid = process.pid();
    CHECK(process.is_alive());
    CHECK(pid.value_or(0) > 0);
    CHECK_FALSE(process.exitcode());

    end(process);
    CHECK_FALSE(process.is_alive());
    CHECK(process.pid() == pid);
    CHECK(process.exitcode() == -SIGKILL);
}

TEST_CASE("terminate and kill: their signals end the child, and do no harm afterwards") {
    Process first = started_sleeper();
    Process second = started_sleeper();

    first.terminate();
    second.kill();
    first.join();
    second.join();

    CHECK(first.exitcode() == -SIGTERM);
    CHECK(second.exitcode() == -SIGKILL);
    CHECK_NOTHROW(first.terminate());
    CHECK_NOTHROW(second.kill());
}

TEST_CASE("A child that something else has reaped has ended, and nobody knows how") {
    Process process = started_sleeper();
    ::kill(*process.pid(), SIGKILL);
    ::waitpid(*process.pid(), nullptr, 0);

    CHECK_FALSE(process.is_alive());
    CHECK_FALSE(process.exitcode());
    CHECK(process.join(1s));
    CHECK(active_children().empty());
}

TEST_CASE(
    "A child that was lost as soon as it was forked has ended, and gets no signal") {
    const int code = test::forked([] {
        lose_children();
        Process process([] {});
        process.start();
        // A signal by number would fail with what no answer to a lost child is.
        test::refuse({SYS_kill}, ENOTRECOVERABLE);
        process.terminate();
        process.kill();
        const bool has_ended = !process.is_alive() && !process.exitcode();
        return has_ended && process.join(1s) && active_children().empty() ? right : wrong;
    });

    CHECK(code == right);
}

#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
TEST_CASE("start: notices that the child is lost, before its number is somebody else's") {
    const int code = test::forked([] {
        lose_children();
        Process process([] {});
        process.start();
        test::refuse({SYS_wait4, SYS_waitid}, EINVAL);  // now it is too late to ask
        return process.is_alive() ? wrong : right;
    });

    CHECK(code == right);
}
#endif

TEST_CASE("name: after the class and the number of the process, unless it is given") {
    const Process first([] {});
    const Process second([] {});
    const Worker third{0};
    Process named({.name = "loopy"}, [] {});

    const int number = std::stoi(first.name().substr(8));
    CHECK(first.name() == "Process-" + std::to_string(number));
    CHECK(second.name() == "Process-" + std::to_string(number + 1));
    CHECK(third.name() == "Worker-" + std::to_string(number + 2));
    CHECK(named.name() == "loopy");
    named.set_name("renamed");
    CHECK(named.name() == "renamed");
}

TEST_CASE("name: a child's children are numbered below it, from 1") {
    const test::Channel channel;
    Process parent([&channel] {
        channel.tell(current_process().name());
        Process child([&channel] { channel.tell(current_process().name()); });
        child.start();
        child.join();
    });

    parent.start();
    parent.join();

    CHECK(channel.hear() == parent.name());
    CHECK(channel.hear() == parent.name() + ":1");
}

TEST_CASE("daemon: not set, it is as the process that makes it") {
    CHECK_FALSE(Process{[] {}}.daemon());
    CHECK(Process({.daemon = true}, [] {}).daemon());

    Process daemon({.daemon = true}, [] {
        answer(Process{[] {}}.daemon() && !Process({.daemon = false}, [] {}).daemon());
    });
    daemon.start();
    daemon.join();

    CHECK(daemon.exitcode() == right);
}

TEST_CASE("daemon: may be changed until the start") {
    Process process([] {});
    process.set_daemon(true);
    process.start();

    CHECK(process.daemon());
    CHECK_THROWS_WITH(process.set_daemon(false), "process has already started");
    process.join();
}

TEST_CASE("sentinel: readable once the process has ended") {
    Process process = started_sleeper();

    const bool was_ready = test::is_ready(process.sentinel());
    process.kill();
    const bool is_ready = test::is_ready(process.sentinel(), 10'000);
    process.join();

    CHECK_FALSE(was_ready);
    CHECK(is_ready);
    CHECK(test::is_ready(process.sentinel()));
}

TEST_CASE("sentinel: a brother or a grandchild that lives on does not hold it back") {
    const test::Channel channel;
    Process process([&channel] {
        const Process grandchild = started_sleeper();
        channel.tell(std::to_string(*grandchild.pid()));
        for (;;) ::pause();
    });
    process.start();
    const pid_t grandchild = std::stoi(channel.hear());
    Process brother = started_sleeper();

    process.kill();

    CHECK(test::is_ready(process.sentinel(), 10'000));
    ::kill(grandchild, SIGKILL);
    process.join();
    end(brother);
}

TEST_CASE("sentinel: there is none before the start") {
    Process process([] {});

    CHECK_THROWS_AS(process.sentinel(), pyproc::ValueError);
    CHECK_THROWS_WITH(process.sentinel(), "process not started");
}

#ifndef SANITIZED  // clang's UBSan opens a pipe to look at memory
TEST_CASE("sentinel: of a process started when the descriptors had run out") {
    const int code = test::forked([] {
        const test::Channel ready;
        Process process(sleep_for_ever, &ready);
        const Process probe;  // what is made once has been made
        static_cast<void>(active_children());
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit full{.rlim_cur = 0, .rlim_max = limit.rlim_max};
        const auto refused = [](auto use) {
            try {
                use();
                return false;
            } catch (const pyproc::OSError& error) {
                return error.code().value() == EMFILE;
            }
        };

        ::setrlimit(RLIMIT_NOFILE, &full);
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
        const bool is_told = refused([&] { process.start(); });
        ::setrlimit(RLIMIT_NOFILE, &limit);
        process.start();
#else
        process.start();
        const bool is_told = refused([&] { static_cast<void>(process.sentinel()); });
        ::setrlimit(RLIMIT_NOFILE, &limit);
#endif
        ready.await();
        const auto is_sentinel_ready = [&process](int milliseconds) {
            try {
                return test::is_ready(process.sentinel(), milliseconds) ? 1 : 0;
            } catch (const pyproc::OSError&) {
                return -1;
            }
        };
        const int before = is_sentinel_ready(0);
        process.kill();
        const int after = is_sentinel_ready(10'000);
        process.join();
        return is_told && before == 0 && after == 1 ? right : wrong;
    });

    CHECK(code == right);
}
#endif

TEST_CASE("sentinel: of a child that something else has reaped it is readable") {
    Process process = started_sleeper();
    ::kill(*process.pid(), SIGKILL);
    ::waitpid(*process.pid(), nullptr, 0);
    const int code = test::forked([] {
        lose_children();
        Process lost([] {});
        lost.start();
        return test::is_ready(lost.sentinel(), 10'000) ? right : wrong;
    });

    CHECK(test::is_ready(process.sentinel(), 10'000));
    CHECK(code == right);
    process.join();
}

TEST_CASE("close: refused while the process runs") {
    Process process = started_sleeper();

    CHECK_THROWS_AS(process.close(), pyproc::ValueError);
    CHECK_THROWS_WITH(process.close(),
                      "Cannot close a process while it is still running. "
                      "You should first call join() or terminate().");

    end(process);
    CHECK_NOTHROW(process.close());
}

TEST_CASE(
    "close: all use is refused from then on, but for the name and for closing again") {
    Process process({.name = "closed"}, [] {});
    process.start();
    process.join();

    process.close();

    CHECK_THROWS_WITH(process.start(), "process object is closed");
    CHECK_THROWS_WITH(process.join(), "process object is closed");
    CHECK_THROWS_WITH(process.join(1s), "process object is closed");
    CHECK_THROWS_WITH(process.is_alive(), "process object is closed");
    CHECK_THROWS_WITH(process.terminate(), "process object is closed");
    CHECK_THROWS_WITH(process.kill(), "process object is closed");
    CHECK_THROWS_WITH(process.pid(), "process object is closed");
    CHECK_THROWS_WITH(process.exitcode(), "process object is closed");
    CHECK_THROWS_AS(process.sentinel(), pyproc::ValueError);
    CHECK(process.name() == "closed");
    CHECK_NOTHROW(process.close());
}

TEST_CASE("close: a process that was never started can't be from then on") {
    Process process([] {});

    process.close();

    CHECK_THROWS_AS(process.start(), pyproc::ValueError);
}

TEST_CASE("The destructor neither kills nor waits, and the child can still be found") {
    pid_t pid = 0;
    {
        const Process process = started_sleeper();
        pid = *process.pid();
    }

    std::vector<Process> children = active_children();

    REQUIRE(children.size() == 1);
    CHECK(children[0].pid() == pid);
    CHECK(children[0].is_alive());
    end(children[0]);
    CHECK(children[0].exitcode() == -SIGKILL);
}

TEST_CASE("active_children: those that run, in the order of their start") {
    Process first = started_sleeper();
    Process second = started_sleeper();
    Process ended([] {});
    ended.start();
    ended.join();

    const std::vector<Process> children = active_children();

    REQUIRE(children.size() == 2);
    CHECK(children[0].name() == first.name());
    CHECK(children[1].name() == second.name());
    end(first);
    end(second);
    CHECK_FALSE(children[0].is_alive());
    CHECK(active_children().empty());
}

TEST_CASE("start: reaps children that have ended, so that no zombie stays") {
    Process first([] {});
    first.start();
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(*first.pid()), &info, WEXITED | WNOWAIT);

    Process second([] {});
    second.start();

    CHECK(::kill(*first.pid(), 0) == -1);
    CHECK(first.exitcode() == 0);
    second.join();
}

TEST_CASE("current_process: in the main program it is MainProcess") {
    Process self = current_process();

    CHECK(self.name() == "MainProcess");
    CHECK(self.pid() == ::getpid());
    CHECK(self.is_alive());
    CHECK_FALSE(self.exitcode());
    CHECK_FALSE(self.daemon());
    CHECK_NOTHROW(self.close());
    CHECK(self.is_alive());
    CHECK_THROWS_WITH(self.join(), "can only join a child process");
    CHECK_THROWS_AS(self.start(), std::logic_error);
    CHECK_THROWS_AS(self.sentinel(), pyproc::ValueError);
}

TEST_CASE("current_process: in a child it is that child") {
    Process process({.name = "myself"}, [] {
        const Process self = current_process();
        answer(self.name() == "myself" && self.pid() == ::getpid() && self.is_alive());
    });
    process.start();
    process.join();

    CHECK(process.exitcode() == right);
}

TEST_CASE("A process that was moved from has nothing to tell") {
    Process process([] {});
    const Process moved = std::move(process);

    CHECK_THROWS_AS(process.name(), std::logic_error);  // NOLINT(bugprone-use-after-move)
    CHECK_THROWS_AS(process.start(), std::logic_error);
}

TEST_CASE("ident: the pid by another name") {
    Process process([] {});
    CHECK_FALSE(process.ident());

    process.start();

    CHECK(process.ident() == process.pid());
    process.join();
}

TEST_CASE("cpu_count: at least one") {
    CHECK(cpu_count() >= 1);
}

TEST_CASE("A child joins its own children before it ends, and terminates its daemons") {
    const test::Channel channel;
    Process parent([&channel] {
        const test::Channel ready;
        Process daemon({.daemon = true}, sleep_for_ever, &ready);
        Process other([&channel] { channel.tell("done"); });
        daemon.start();
        ready.await();
        other.start();
        channel.tell(std::to_string(*daemon.pid()));
    });
    parent.start();
    parent.join();

    // Both lines are in the pipe, in either order: nobody writes any more.
    const std::array lines{channel.hear(), channel.hear()};
    const bool is_done_first = lines[0] == "done";
    CHECK(lines[is_done_first ? 0 : 1] == "done");
    CHECK(::kill(std::stoi(lines[is_done_first ? 1 : 0]), 0) == -1);
}

TEST_CASE("Threads: of many that start one process, one does") {
    Process process([] { throw SystemExit{right}; });
    std::atomic<int> refused = 0;
    std::vector<std::thread> threads(4);

    for (std::thread& thread : threads) {
        thread = std::thread([&] {
            try {
                process.start();
            } catch (const std::logic_error&) {
                ++refused;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    process.join();

    CHECK(refused == 3);
    CHECK(process.exitcode() == right);
}

TEST_CASE("Threads: all that wait for one process learn of the same end") {
    Process process = started_sleeper();
    std::atomic<int> right_answers = 0;
    std::vector<std::thread> threads(8);

    for (std::thread& thread : threads) {
        thread = std::thread([&, joins = &thread < &threads[4]] {
            if (joins) process.join();
            while (process.is_alive()) process.join(1s);
            if (process.exitcode() == -SIGTERM) ++right_answers;
        });
    }
    process.terminate();
    for (std::thread& thread : threads) thread.join();

    CHECK(right_answers == 8);
}

#ifndef SANITIZED  // whose allocators hold locks that a forked child does not release
TEST_CASE("Threads: a child never waits for the list of exit handlers") {
    std::atomic<bool> is_over = false;
    std::thread thread([&is_over] {
        int handle = 0;
        while (!is_over) {
            abi::__cxa_atexit([](void*) {}, nullptr, &handle);
            abi::__cxa_finalize(&handle);
        }
    });

    int ended = 0;
    for (int i = 0; i < 300; ++i) {
        Process process([] {});
        process.start();
        if (!process.join(std::chrono::seconds{longest_wait})) {
            end(process);
            break;
        }
        ++ended;
    }
    is_over = true;
    thread.join();

    CHECK(ended == 300);
}
#endif

TEST_CASE("Threads: a child may start children whatever others start in its parent") {
    constexpr int rounds = 150;
    const auto start_one = [](auto target) {
        Process process(target);
        process.start();
        process.join();
        return process.exitcode();
    };
    std::atomic<bool> is_over = false;
    std::vector<std::thread> others;
    for (int i = 0; i < 2; ++i) {
        others.emplace_back([&] {
            while (!is_over) static_cast<void>(start_one([] {}));
        });
    }

    int sound = 0;
    for (int i = 0; i < rounds; ++i) {
        const auto end = start_one([&] {
            ::alarm(20);  // ends one that waits for a lock that nobody will release
            static_cast<void>(start_one([] {}));
        });
        if (end == 0) ++sound;
    }

    is_over = true;
    for (std::thread& each : others) each.join();
    CHECK(sound == rounds);
}

TEST_CASE("Threads: children of a program that allocates and prints are sound") {
    // Sanitizers' allocators hold locks of their own, which gcc 12's and clang 14's do
    // not release in a forked child.
#ifdef SANITIZED
    constexpr std::size_t number_of_threads = 0;
#else
    constexpr std::size_t number_of_threads = 16;
#endif
    constexpr int number_of_processes = 100;
    std::cout.flush();
    test::Redirected out{STDOUT_FILENO};
    constexpr long most_lines = 4000;  // which are less than a pipe holds
    std::atomic<bool> is_over = false;
    std::atomic<long> printed = 0;
    std::vector<std::thread> threads(number_of_threads);
    for (std::thread& thread : threads) {
        thread = std::thread([&] {
            while (!is_over) {
                for (int n = 0; n < 50; ++n) static_cast<void>(std::string(2000, 'x'));
                if (printed++ < most_lines) std::printf("thread\n");
                // Else each of the children would wait for a processor behind all of
                // these.
                std::this_thread::sleep_for(100us);
            }
        });
    }

    int sound = 0;
    for (int i = 0; i < number_of_processes; ++i) {
        Process process([] {
            const std::vector<std::string> texts(10, std::string(2000, 'y'));
            std::printf("child\n");
            std::cout << (texts.size() == 10 ? "sound\n" : "broken\n");
        });
        process.start();
        process.join();
        if (process.exitcode() == 0) ++sound;
    }
    is_over = true;
    for (std::thread& thread : threads) thread.join();
    std::fflush(stdout);

    const std::string text = out.text();
    const auto count = [&text](const std::string& line) {
        long found = 0;
        for (std::size_t at = 0; (at = text.find(line, at)) != std::string::npos; ++at)
            ++found;
        return found;
    };
    CHECK(sound == number_of_processes);
    CHECK(count("child\n") == number_of_processes);
    CHECK(count("sound\n") == number_of_processes);
    // By a letter that no child writes, since a full buffer may be written in mid-line.
    CHECK(count("t") == std::min(printed.load(), most_lines));
}
