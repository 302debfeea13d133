// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/background_thread.hpp"

#include <csignal>

#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"

using namespace pyproc::posix;

namespace {

struct Report {
    int fd;
    bool blocks_all = false;
};

void* look_at_mask(void* argument) {
    auto& report = *static_cast<Report*>(argument);
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    report.blocks_all = sigismember(&mask, SIGINT) == 1 &&
                        sigismember(&mask, SIGTERM) == 1 &&
                        sigismember(&mask, SIGALRM) == 1;
    const ssize_t written = ::write(report.fd, "!", 1);
    static_cast<void>(written);
    return nullptr;
}

}  // namespace

TEST_CASE("start_background_thread: it blocks all signals, and its starter none more") {
    const Pipe pipe = make_pipe().or_throw("pipe");
    Report report{pipe.write_end.get()};
    sigset_t before;
    sigset_t after;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &before);

    REQUIRE(start_background_thread(look_at_mask, &report) == 0);
    char byte = 0;
    REQUIRE(::read(pipe.read_end.get(), &byte, 1) == 1);
    ::pthread_sigmask(SIG_BLOCK, nullptr, &after);

    CHECK(report.blocks_all);
    CHECK(sigismember(&after, SIGINT) == sigismember(&before, SIGINT));
    CHECK(sigismember(&after, SIGTERM) == sigismember(&before, SIGTERM));
}
