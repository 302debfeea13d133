// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/poll.hpp"

#include <chrono>
#include <csignal>

#include <signal.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"

using namespace pyproc::posix;
using namespace std::chrono_literals;

TEST_CASE("poll_until: a descriptor that is ready is found at once") {
    const Pipe pipe = make_pipe().or_throw("pipe");
    REQUIRE(::write(pipe.write_end.get(), "x", 1) == 1);
    pollfd entry{.fd = pipe.read_end.get(), .events = POLLIN, .revents = 0};

    const auto ready = poll_until(&entry, 1, Deadline{});

    CHECK(*ready == 1);
    CHECK((entry.revents & POLLIN) != 0);
}

TEST_CASE(
    "poll_until: it sleeps for no less than the deadline allows, though signals come") {
    struct sigaction before {};
    struct sigaction wakes {};
    wakes.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &wakes, &before);
    const Pipe pipe = make_pipe().or_throw("pipe");
    pollfd entry{.fd = pipe.read_end.get(), .events = POLLIN, .revents = 0};
    const auto start = Deadline::clock::now();
    ::ualarm(5'000, 5'000);

    const auto ready = poll_until(&entry, 1, Deadline{start + 40ms});

    ::ualarm(0, 0);
    ::sigaction(SIGALRM, &before, nullptr);
    CHECK(*ready == 0);
    CHECK(Deadline::clock::now() >= start + 40ms);
}
