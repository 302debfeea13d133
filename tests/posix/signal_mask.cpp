// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/signal_mask.hpp"

#include <cerrno>
#include <csignal>

#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using pyproc::posix::SigpipeBlocked;
using pyproc::posix::SignalsBlocked;

namespace {

/// Raises SIGPIPE in the way that it comes up: nobody reads what is written.
int write_to_nobody() {
    int ends[2];
    if (::pipe(ends) != 0) return -1;
    ::close(ends[0]);
    const ssize_t written = ::write(ends[1], "x", 1);
    const int code = errno;
    ::close(ends[1]);
    return written < 0 ? code : 0;
}

bool is_sigpipe_pending() {
    sigset_t pending;
    sigemptyset(&pending);
    ::sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1;
}

}  // namespace

TEST_CASE("SigpipeBlocked: writing to nobody is EPIPE and does not end the program") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        {
            const SigpipeBlocked sigpipe;
            if (write_to_nobody() != EPIPE) return 1;
            sigpipe.discard_raised();
            if (is_sigpipe_pending()) return 2;
        }
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE("SigpipeBlocked: without it the same write ends the program") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        return write_to_nobody();
    });

    CHECK(answer == -SIGPIPE);
}

TEST_CASE("SigpipeBlocked: a SIGPIPE that the caller had pending stays pending") {
    const int answer = test::forked([] {
        sigset_t sigpipe_only;
        sigemptyset(&sigpipe_only);
        sigaddset(&sigpipe_only, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_only, nullptr);
        ::raise(SIGPIPE);
        {
            const SigpipeBlocked sigpipe;
            if (write_to_nobody() != EPIPE) return 1;
            sigpipe.discard_raised();
        }
        return is_sigpipe_pending() ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("SigpipeBlocked: where SIGPIPE is ignored there is nothing to discard") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_IGN);
        const SigpipeBlocked sigpipe;
        if (write_to_nobody() != EPIPE) return 1;
        sigpipe.discard_raised();
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE("SignalsBlocked: no signal comes to its thread while it lives") {
    static int calls = 0;
    const auto before = std::signal(SIGUSR1, [](int) { ++calls; });
    int while_blocked = 0;
    {
        const SignalsBlocked blocked;
        ::raise(SIGUSR1);
        while_blocked = calls;
    }
    std::signal(SIGUSR1, before);

    CHECK(while_blocked == 0);
    CHECK(calls == 1);
}
