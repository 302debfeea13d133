// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/write_parts.hpp"

#include <csignal>
#include <string>
#include <string_view>

#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"

using namespace pyproc::posix;

namespace {

/// Writes "hello" in two pieces to a pipe: what came of it.
std::string write_hello() {
    Pipe pipe = make_pipe().or_throw("pipe");
    char first[] = "hel";
    char second[] = "lo";
    const iovec parts[] = {{.iov_base = first, .iov_len = 3},
                           {.iov_base = second, .iov_len = 2}};
    const auto put = write_parts(pipe.write_end.get(), parts, 2);
    if (!put || *put != 5) return "not written";
    char bytes[16];
    const auto got = read_some(pipe.read_end.get(), bytes, sizeof bytes);
    pipe.read_end.reset();
    if (write_parts(pipe.write_end.get(), parts, 2).code() != EPIPE) return "no EPIPE";
    return {bytes, *got};
}

}  // namespace

TEST_CASE("write_parts: pieces are written as one, and no reader is EPIPE, not SIGPIPE") {
    const std::string told = test::told_by_forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        return write_hello();
    });

    CHECK(told == "hello");
}

TEST_CASE("write_parts: it does as well where the kernel knows no writing unsignalled") {
    const std::string told = test::told_by_forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        test::refuse({SYS_pwritev2}, ENOSYS);
        return write_hello();
    });

    CHECK(told == "hello");
}

TEST_CASE("write_parts: a reader that goes while it waits raises no SIGPIPE either") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        test::refuse({SYS_pwritev2}, ENOSYS);
        Pipe pipe = make_pipe().or_throw("pipe");
        const pid_t reader = ::fork();
        if (reader == 0) {
            pipe.write_end.reset();
            char some[100];
            const auto got = read_some(pipe.read_end.get(), some, sizeof some);
            ::_exit(got ? 0 : 1);
        }
        pipe.read_end.reset();
        std::string more_than_a_pipe_holds(1 << 20, 'x');
        const iovec part{.iov_base = more_than_a_pipe_holds.data(),
                         .iov_len = more_than_a_pipe_holds.size()};
        const auto put = write_parts(pipe.write_end.get(), &part, 1);
        ::waitpid(reader, nullptr, 0);
        return put.code() == EPIPE || *put < part.iov_len ? 0 : 1;
    });

    CHECK(answer == 0);
}
