// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/pipe.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

TEST_CASE("make_pipe: both ends are close-on-exec") {
    const Pipe pipe = make_pipe().or_throw("pipe");

    CHECK(::fcntl(pipe.read_end.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(pipe.write_end.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("make_pipe: what goes in at one end comes out at the other") {
    const Pipe pipe = make_pipe().or_throw("pipe");
    char byte = 0;

    CHECK(::write(pipe.write_end.get(), "x", 1) == 1);
    CHECK(::read(pipe.read_end.get(), &byte, 1) == 1);
    CHECK(byte == 'x');
}

TEST_CASE("make_pipe: no end takes the number of a closed standard descriptor") {
    const int answer = test::forked([] {
        for (int fd = 0; fd < 3; ++fd) ::close(fd);
        const Pipe pipe = make_pipe().or_throw("pipe");
        return pipe.read_end.get() > 2 && pipe.write_end.get() > 2 ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE("make_pipe: where there is no descriptor left it is EMFILE and none is lost") {
    const int answer = test::forked([] {
        const int next_free = ::dup(0);
        ::close(next_free);
        const auto before = test::open_descriptors();
        // Room for one end, and not for both.
        const rlimit limit{static_cast<rlim_t>(next_free) + 1,
                           static_cast<rlim_t>(next_free) + 1};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (make_pipe().code() != EMFILE) return 1;
        return test::open_descriptors() == before ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("make_ended: is readable from its first moment") {
    const UniqueFd ended = make_ended().or_throw("pipe");
    pollfd entry{.fd = ended.get(), .events = POLLIN, .revents = 0};

    CHECK(::poll(&entry, 1, 0) == 1);
    CHECK(::poll(&entry, 1, 0) == 1);
    CHECK(::fcntl(ended.get(), F_GETFD) == FD_CLOEXEC);
}
