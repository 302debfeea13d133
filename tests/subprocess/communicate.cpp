// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/communicate.hpp"

#include <cerrno>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t more_than_a_pipe_holds = 3 << 20;

/// The caller's ends of three pipes, and the child's, for a test to play the child.
struct Pipes {
    explicit Pipes(const TextMode& mode = {}) {
        posix::Pipe to = posix::make_pipe().or_throw("pipe");
        posix::Pipe from = posix::make_pipe().or_throw("pipe");
        posix::Pipe errors = posix::make_pipe().or_throw("pipe");
        in = WriteStream{std::move(to.write_end), TextEncoder{mode}};
        out = ReadStream{std::move(from.read_end), TextDecoder{mode}};
        err = ReadStream{std::move(errors.read_end), TextDecoder{mode}};
        child_in = std::move(to.read_end);
        child_out = std::move(from.write_end);
        child_err = std::move(errors.write_end);
    }
    void end_output() {
        child_out.reset();
        child_err.reset();
    }

    WriteStream in;
    ReadStream out;
    ReadStream err;
    posix::UniqueFd child_in;
    posix::UniqueFd child_out;
    posix::UniqueFd child_err;
};

}  // namespace

TEST_CASE("Communication: it is complete when all pipes have ended, and closes them") {
    Pipes pipes;
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "out", 3) == 3);
    REQUIRE(::write(pipes.child_err.get(), "err", 3) == 3);
    pipes.end_output();

    talk.start(pipes.in, pipes.out, pipes.err, "input");
    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));

    CHECK(talk.take_output(pipes.out, pipes.err) == Output{"out", "err"});
    CHECK((pipes.in.closed() && pipes.out.closed() && pipes.err.closed()));
    char bytes[16];
    CHECK(::read(pipes.child_in.get(), bytes, sizeof bytes) == 5);
}

TEST_CASE("Communication: cut short by its deadline, it goes on where it was") {
    Pipes pipes;
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "first", 5) == 5);
    const std::string input(more_than_a_pipe_holds, 'x');

    {
        // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): it is to go
        const std::string gone_after_the_first_call = input;
        talk.start(pipes.in, pipes.out, pipes.err, gone_after_the_first_call);
        CHECK_FALSE(
            talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline::after(20ms)));
    }
    CHECK(talk.output().std_out == "first");
    REQUIRE(::write(pipes.child_out.get(), "second", 6) == 6);
    pipes.end_output();
    std::size_t received = 0;
    bool is_complete = false;
    while (!is_complete) {
        is_complete =
            talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline::after(0s));
        char bytes[65536];
        ::fcntl(pipes.child_in.get(), F_SETFL, O_NONBLOCK);
        for (ssize_t got = 0;
             (got = ::read(pipes.child_in.get(), bytes, sizeof bytes)) > 0;) {
            received += static_cast<std::size_t>(got);
        }
    }

    CHECK(talk.take_output(pipes.out, pipes.err).std_out == "firstsecond");
    CHECK(received == input.size());
}

TEST_CASE("Communication: a child that stops reading is no error") {
    Pipes pipes;
    Communication talk;
    pipes.child_in.reset();
    pipes.end_output();

    const std::string input(more_than_a_pipe_holds, 'x');
    talk.start(pipes.in, pipes.out, pipes.err, input);

    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));
}

TEST_CASE("Communication: what the streams already hold comes first") {
    Pipes pipes;
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "line\nrest", 9) == 9);
    pipes.end_output();
    REQUIRE(pipes.out.readline() == "line\n");
    pipes.in.write("held ");

    talk.start(pipes.in, pipes.out, pipes.err, "input");
    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));

    CHECK(talk.take_output(pipes.out, pipes.err).std_out == "rest");
    char bytes[16];
    CHECK(::read(pipes.child_in.get(), bytes, sizeof bytes) == 10);
    CHECK(std::string(bytes, 10) == "held input");
}

TEST_CASE("Communication: output without end stops at the deadline") {
    Pipes pipes;
    Communication talk;
    pipes.in.close();
    const pid_t flood = ::fork();
    if (flood == 0) {
        ::dup2(pipes.child_out.get(), 1);
        ::execl(CHILDREN "/child.flood", "flood", "-1", "1", nullptr);
        ::_exit(127);
    }
    pollfd begun{.fd = pipes.out.fileno(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&begun, 1, -1) == 1);

    talk.start(pipes.in, pipes.out, pipes.err, {});
    CHECK_FALSE(
        talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline::after(20ms)));

    CHECK_FALSE(talk.output().std_out.empty());
    ::kill(flood, SIGKILL);
    ::waitpid(flood, nullptr, 0);
}

TEST_CASE("Communication: an error leaves nothing behind that the caller has freed") {
    Pipes pipes;
    Communication talk;
    posix::Pipe write_only = posix::make_pipe().or_throw("pipe");
    write_only.read_end.reset();
    pipes.err = ReadStream{std::move(write_only.write_end), false};

    {
        const std::string gone_after_the_error(more_than_a_pipe_holds, 'x');
        talk.start(pipes.in, pipes.out, pipes.err, gone_after_the_error);
        CHECK_THROWS_AS(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}),
                        OSError);
    }
    pipes.err.close();
    CHECK_FALSE(
        talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline::after(0s)));

    char bytes[65536];
    const ssize_t got = ::read(pipes.child_in.get(), bytes, sizeof bytes);
    REQUIRE(got > 0);
    CHECK(std::string(bytes, static_cast<std::size_t>(got)) ==
          std::string(static_cast<std::size_t>(got), 'x'));
}

TEST_CASE("Communication: our end of the input is blocking again when it is over") {
    Pipes pipes;
    Communication talk;

    const std::string input(more_than_a_pipe_holds, 'x');
    talk.start(pipes.in, pipes.out, pipes.err, input);
    CHECK_FALSE(
        talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline::after(0s)));

    CHECK((::fcntl(pipes.in.fileno(), F_GETFL) & O_NONBLOCK) == 0);
}

#ifdef F_GETPIPE_SZ
TEST_CASE(
    "Communication: a pipe through which much goes is widened, unless its size was asked "
    "for") {
    for (const bool may_widen : {true, false}) {
        Pipes pipes;
        Communication talk;
        const std::string input(more_than_a_pipe_holds, 'x');
        std::thread child{[&] {
            posix::write_all(pipes.child_out.get(), input).or_throw("write");
            pipes.end_output();
            pipes.child_in.reset();
        }};
        const int kept_in = ::dup(pipes.in.fileno());
        const int kept_out = ::dup(pipes.out.fileno());

        talk.start(pipes.in, pipes.out, pipes.err, input, may_widen);
        REQUIRE(talk.run_until(pipes.in, pipes.out, pipes.err, {}));
        child.join();

        const bool is_portable = posix::platform::pidfd_open(::getpid()).code() == ENOSYS;
        const int usual = 64 * 1024;
        // A user may have too many pipes to be given more; the superuser never has.
        const bool is_widened = ::fcntl(kept_in, F_GETPIPE_SZ) > usual &&
                                ::fcntl(kept_out, F_GETPIPE_SZ) > usual;
        if (!may_widen || is_portable) CHECK_FALSE(is_widened);
        if (may_widen && !is_portable && ::geteuid() == 0) CHECK(is_widened);
        ::close(kept_in);
        ::close(kept_out);
    }
}
#endif
TEST_CASE("Communication: bytes are moved, and are text only when they are taken") {
    Pipes pipes{text_mode("latin-1", {}, false)};
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "caf\xe9\r\n", 6) == 6);
    pipes.end_output();

    talk.start(pipes.in, pipes.out, pipes.err, "\u00e9");
    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));

    CHECK(talk.output().std_out == "caf\xe9\r\n");
    CHECK(talk.take_output(pipes.out, pipes.err).std_out == "caf\u00e9\n");
    CHECK(talk.take_output(pipes.out, pipes.err) == Output{});
    char bytes[16];
    REQUIRE(::read(pipes.child_in.get(), bytes, sizeof bytes) == 1);
    CHECK(bytes[0] == '\xe9');
}

TEST_CASE("Communication: a character that a stream has read half of comes whole") {
    Pipes pipes{text_mode("utf-8", {}, false)};
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "one\ntwo\r\xe2\x82", 10) == 10);
    REQUIRE(pipes.out.readline() == "one\n");
    REQUIRE(::write(pipes.child_out.get(), "\xac!", 2) == 2);
    pipes.end_output();

    talk.start(pipes.in, pipes.out, pipes.err, {});
    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));

    CHECK(talk.take_output(pipes.out, pipes.err).std_out == "two\n\u20ac!");
}

TEST_CASE("Communication: a newline that is split between stream and rest is one") {
    Pipes pipes{text_mode({}, {}, true)};
    Communication talk;
    REQUIRE(::write(pipes.child_out.get(), "one\ntwo\r", 8) == 8);
    REQUIRE(pipes.out.readline() == "one\n");
    REQUIRE(::write(pipes.child_out.get(), "\nthree", 6) == 6);
    pipes.end_output();

    talk.start(pipes.in, pipes.out, pipes.err, {});
    CHECK(talk.run_until(pipes.in, pipes.out, pipes.err, posix::Deadline{}));

    CHECK(talk.take_output(pipes.out, pipes.err).std_out == "two\nthree");
}

TEST_CASE("Communication: input that can't be encoded starts nothing") {
    Pipes pipes{text_mode("latin-1", {}, false)};
    Communication talk;

    CHECK_THROWS_AS(talk.start(pipes.in, pipes.out, pipes.err, "\u20ac"),
                    UnicodeEncodeError);

    CHECK_FALSE(talk.has_started());
}

TEST_CASE("Communication: input goes on where the stream was, with one byte order mark") {
    Pipes pipes{text_mode("utf-16-le", {}, false)};
    Pipes marked{text_mode("utf-16", {}, false)};
    for (Pipes* each : {&pipes, &marked}) {
        Communication talk;
        each->end_output();
        each->in.write("a\xe2");
        talk.start(each->in, each->out, each->err, "\x82\xac");
        CHECK(talk.run_until(each->in, each->out, each->err, posix::Deadline{}));
    }

    char bytes[16];
    REQUIRE(::read(pipes.child_in.get(), bytes, sizeof bytes) == 4);
    CHECK(std::string(bytes, 4) == std::string("a\0\xac\x20", 4));
    CHECK(::read(marked.child_in.get(), bytes, sizeof bytes) == 6);
}
