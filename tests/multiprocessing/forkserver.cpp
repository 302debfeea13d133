// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/forkserver.hpp"

#include <csignal>
#include <cstdlib>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing;
using detail::ServerLink;

namespace {

constexpr int right = 42;

/// Runs `body` in a program of its own that has a fork server, which it ends.
template <class Body>
int with_server(Body body) {
    return test::forked([&body] {
        set_start_method("forkserver");
        const int code = body();
        ServerLink::here().stop();
        return code;
    });
}

/// Waits until `fd` shows that all who had the other end of its pipe have ended.
bool is_closed_by_all(int fd) {
    char byte = 0;
    return test::is_ready(fd, 30'000) && ::read(fd, &byte, 1) == 0;
}

template <class... Args>
int exitcode_of(Args... args) {
    Process process(args...);
    process.start();
    process.join();
    return process.exitcode().value_or(-1000);
}

/// Forks a program that has a fork server and tells its number, then does `body`.
template <class Body>
pid_t start_program(const test::Channel& channel, Body body) {
    const pid_t program = ::fork();
    if (program == 0) {
        set_start_method("forkserver");
        channel.tell(std::to_string(ServerLink::here().pid()));
        body();
        for (;;) ::pause();
    }
    return program;
}

/// Whether a process that is nobody's child here ends, watched by its number.
bool ends(pid_t pid) {
    for (int i = 0; i < 3000; ++i) {
        if (::kill(pid, 0) != 0) return true;
        // Ended, and the reaper of orphans has not come yet.
        const std::string path = "/proc/" + std::to_string(pid) + "/stat";
        char text[256] = {};
        if (std::FILE* const file = std::fopen(path.c_str(), "r")) {
            const std::size_t got = std::fread(text, 1, sizeof text - 1, file);
            std::fclose(file);
            if (got > 0 && std::string{text}.find(") Z") != std::string::npos)
                return true;
        }
        ::usleep(10'000);
    }
    return false;
}

}  // namespace

TEST_CASE("The server: ends when the program is killed") {
    const test::Channel channel;
    const pid_t program = start_program(channel, [] {});
    const pid_t server = std::stoi(channel.hear());

    ::kill(program, SIGKILL);
    ::waitpid(program, nullptr, 0);

    CHECK(ends(server));
}

TEST_CASE("The server: ends when the program ends, though a fork of it lives on") {
    const test::Channel channel;
    const pid_t program = start_program(channel, [&channel] {
        const pid_t other = ::fork();
        if (other == 0) {
            for (;;) ::pause();
        }
        channel.tell(std::to_string(other));
    });
    const pid_t server = std::stoi(channel.hear());
    const pid_t other = std::stoi(channel.hear());

    ::kill(program, SIGKILL);
    ::waitpid(program, nullptr, 0);

    CHECK(ends(server));
    ::kill(other, SIGKILL);
}

TEST_CASE("The server: is reaped at a normal end of the program, before that is over") {
    const test::Channel channel;

    const int code = test::forked([&channel] {
        set_start_method("forkserver");
        channel.tell(std::to_string(ServerLink::here().pid()));
        std::exit(right);
        return 0;
    });

    CHECK(code == right);
    CHECK(::kill(std::stoi(channel.hear()), 0) == -1);
}

TEST_CASE("The server: signals from the terminal and polite ones do not end it") {
    const int code = with_server([] {
        const pid_t server = ServerLink::here().pid();
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1}) {
            ::kill(server, signal);
        }
        const int result = exitcode_of([] { throw SystemExit{right}; });
        return ServerLink::here().pid() == server ? result : 1;
    });

    CHECK(code == right);
}

TEST_CASE("The server: keeps no descriptor of the program's open but the standard ones") {
    const int code = test::forked([] {
        auto pipe = pyproc::posix::make_pipe().or_throw("pipe");
        set_start_method("forkserver");
        pipe.write_end.reset();
        // Were it open in the server, this would not come to the end.
        const bool is_closed = is_closed_by_all(pipe.read_end.get());
        ServerLink::here().stop();
        return is_closed ? right : 1;
    });

    CHECK(code == right);
}

TEST_CASE("The server: a child has the standard descriptors alone, and an empty input") {
    const int code = with_server([] {
        const test::Channel opened_later;
        return exitcode_of([] {
            char byte = 0;
            for (const int fd : test::open_descriptors()) {
                if (fd > STDERR_FILENO) throw SystemExit{fd};
            }
            throw SystemExit{::read(STDIN_FILENO, &byte, 1) == 0 ? right : 1};
        });
    });

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK(code > STDERR_FILENO);  // the one that shows that it lives
#else
    CHECK(code == right);
#endif
}

TEST_CASE("The server: killed, it is replaced at the next start; its children live on") {
    const int code = with_server([] {
        const pid_t first = ServerLink::here().pid();
        Process sleeper([] {
            for (;;) ::pause();
        });
        sleeper.start();
        ::kill(first, SIGKILL);
        siginfo_t info{};
        ::waitid(P_PID, static_cast<id_t>(first), &info, WEXITED | WNOWAIT);

        const int result = exitcode_of([] { throw SystemExit{right}; });
        const bool lives_on = sleeper.is_alive();
        sleeper.kill();
        sleeper.join();
        if (!lives_on || ServerLink::here().pid() == first) return 1;
#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
        if (sleeper.exitcode() != -SIGKILL) return 2;
#endif
        return result;
    });

    CHECK(code == right);
}

TEST_CASE("The server: killed at any moment, a start works or says what is wrong") {
    const int code = with_server([] {
        for (int i = 0; i < 50; ++i) {
            const pid_t server = ServerLink::here().pid();
            const pid_t killer = ::fork();
            if (killer == 0) {
                ::usleep(static_cast<useconds_t>(i * 10));
                ::kill(server, SIGKILL);
                ::_exit(0);
            }
            const int result = exitcode_of([] { throw SystemExit{right}; });
            ::waitpid(killer, nullptr, 0);
#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
            if (result != right) return 1;
#else
            if (result != right && result != -1000) return 1;  // nobody could say
#endif
        }
        return right;
    });

    CHECK(code == right);
}

TEST_CASE(
    "The server: forks children that have the functions of register_at_fork called") {
    static int calls = 0;
    const int code = test::forked([] {
        pyproc::posix::register_at_fork([] { calls += 1; }, [] { calls += 10; },
                                        [] { calls += 100; });
        set_start_method("forkserver");
        const int ours = calls;  // of its own fork
        const int theirs = exitcode_of([] { throw SystemExit{calls}; });
        ServerLink::here().stop();
        return ours == 11 && theirs == 202 ? right : theirs;
    });

    CHECK(code == right);
}

TEST_CASE("The server: handlers and blocked signals are the program's in its children") {
    const int code = test::forked([] {
        ::signal(SIGUSR1, [](int) { ::_exit(right); });
        set_start_method("forkserver");
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, SIGUSR2);
        ::pthread_sigmask(SIG_BLOCK, &only, nullptr);
        const int result = exitcode_of([] {
            sigset_t blocked;
            ::pthread_sigmask(SIG_BLOCK, nullptr, &blocked);
            const bool is_right = ::sigismember(&blocked, SIGUSR2) == 1 &&
                                  ::sigismember(&blocked, SIGTERM) == 0;
            struct sigaction action {};
            ::sigaction(SIGCHLD, nullptr, &action);
            if (is_right && action.sa_handler == SIG_DFL) ::raise(SIGUSR1);
        });
        ServerLink::here().stop();
        return result;
    });

    CHECK(code == right);
}
