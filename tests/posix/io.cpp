// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/io.hpp"

#include <cerrno>
#include <csignal>
#include <string>
#include <thread>

#include <fcntl.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"

using namespace pyproc::posix;

TEST_CASE("read_some: it returns what is there, and 0 at the end of the file") {
    Pipe pipe = make_pipe().or_throw("pipe");
    write_all(pipe.write_end.get(), "hello").or_throw("write");
    pipe.write_end.reset();
    char bytes[16];

    CHECK(*read_some(pipe.read_end.get(), bytes, sizeof bytes) == 5);
    CHECK(std::string(bytes, 5) == "hello");
    CHECK(*read_some(pipe.read_end.get(), bytes, sizeof bytes) == 0);
}

TEST_CASE("read_some: an error is its errno") {
    char byte;

    CHECK(read_some(-1, &byte, 1).code() == EBADF);
}

TEST_CASE("write_all: more than a pipe holds is written while another thread reads") {
    Pipe pipe = make_pipe().or_throw("pipe");
    const std::string sent(1 << 20, 'x');
    std::string received;
    std::thread reader{[&] {
        char bytes[4096];
        for (;;) {
            const auto got = read_some(pipe.read_end.get(), bytes, sizeof bytes);
            if (!got || *got == 0) return;
            received.append(bytes, *got);
        }
    }};

    const auto written = write_all(pipe.write_end.get(), sent);
    pipe.write_end.reset();
    reader.join();

    CHECK(written);
    CHECK(received == sent);
}

TEST_CASE("write_all: a reader that is gone is EPIPE, and no SIGPIPE comes") {
    REQUIRE(std::signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    Pipe pipe = make_pipe().or_throw("pipe");
    pipe.read_end.reset();

    CHECK(write_all(pipe.write_end.get(), "x").code() == EPIPE);
}

TEST_CASE("open_file: the descriptor is close-on-exec") {
    const UniqueFd fd = open_file("/dev/null", O_RDONLY).or_throw("open");

    CHECK(::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("open_file: a missing file is ENOENT") {
    CHECK(open_file("/no/such/file", O_RDONLY).code() == ENOENT);
}
