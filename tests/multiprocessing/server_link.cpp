// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/server_link.hpp"

#include <csignal>
#include <utility>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/posix/platform.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"

using namespace pyproc::multiprocessing::detail;
namespace posix = pyproc::posix;

namespace {

/// A server that says a word over each socket that it is handed, and ends with its link.
std::pair<pid_t, posix::UniqueFd> start_echo(int control) {
    const pid_t pid = ::fork();
    if (pid == 0) {
        // The program's end of the link is among them.
        posix::platform::close_descriptors(STDERR_FILENO + 1, control - 1, control);
        posix::platform::close_descriptors(control + 1, 255, 256);
        for (;;) {
            auto received = posix::receive_descriptors(control, 1);
            if (!received || received->is_end) ::_exit(0);
            if (::write(received->fds[0].get(), "!", 1) != 1) ::_exit(1);
        }
    }
    auto pidfd = posix::platform::pidfd_open(pid);
    return {pid, pidfd ? std::move(*pidfd) : posix::UniqueFd{}};
}

bool is_answered(ServerLink& link) {
    auto sockets = posix::make_stream_sockets().or_throw("socketpair");
    link.request(sockets.second.get(), start_echo);
    sockets.second.reset();
    char byte = 0;
    return ::read(sockets.first.get(), &byte, 1) == 1 && byte == '!';
}

}  // namespace

TEST_CASE("ServerLink: a request starts the server, the next finds it running") {
    ServerLink link;

    const bool is_first_answered = is_answered(link);
    const pid_t first = link.pid();
    const bool is_second_answered = is_answered(link);

    CHECK(is_first_answered);
    CHECK(is_second_answered);
    CHECK(link.pid() == first);
    link.stop();
    CHECK(link.pid() == 0);
    CHECK(::kill(first, 0) == -1);
    link.stop();
}

TEST_CASE("ServerLink: a server that was killed is replaced") {
    ServerLink link;
    link.ensure_running(start_echo);
    const pid_t first = link.pid();

    ::kill(first, SIGKILL);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(first), &info, WEXITED | WNOWAIT);
    const bool is_answered_now = is_answered(link);
    const pid_t second = link.pid();
    ::kill(second, SIGKILL);
    ::waitid(P_PID, static_cast<id_t>(second), &info, WEXITED | WNOWAIT);
    link.ensure_running(start_echo);

    CHECK(is_answered_now);
    CHECK(second != first);
    CHECK(link.pid() != second);
    link.stop();
}

TEST_CASE("stop: ends the server, though a fork of the program has the link open, too") {
    const test::Channel channel;

    const int code = test::forked([&channel] {
        constexpr unsigned longest = 20;  // seconds: else it would wait for ever
        ::alarm(longest);
        ServerLink link;
        link.ensure_running(start_echo);
        const test::Child other{[&channel] {
            ::alarm(longest);
            channel.tell();
            for (;;) ::pause();
            return 0;
        }};
        channel.await();
        link.stop();
        return 0;
    });

    CHECK(code == 0);
}

TEST_CASE("settle: of a server that is dying nothing is left for the next request") {
    ServerLink link;
    link.ensure_running(start_echo);
    ::kill(link.pid(), SIGKILL);

    link.settle();

    CHECK(link.pid() == 0);
}

TEST_CASE("here: one for each process; a forked child has none until it asks") {
    ServerLink* const ours = &ServerLink::here();

    const int code = test::forked([ours] {
        if (ServerLink::find() != nullptr) return 1;
        return &ServerLink::here() != ours && ServerLink::find() != nullptr ? 0 : 2;
    });

    CHECK(code == 0);
    CHECK(ServerLink::find() == ours);
}

TEST_CASE("current_directory: is what getcwd says") {
    const int code = test::forked([] {
        return ::chdir("/") == 0 && ServerLink::current_directory() == "/" ? 0 : 1;
    });

    CHECK(code == 0);
}
