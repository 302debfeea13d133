// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/streams.hpp"

#include <cerrno>
#include <climits>
#include <string>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::spawn;

TEST_CASE("open_streams: by default nothing is opened and nothing moved") {
    const auto before = test::open_descriptors();

    const Streams streams = open_streams({});

    CHECK(streams.sources == Sources{no_source, no_source, no_source});
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("open_streams: a pipe gives one end to each side, all close-on-exec") {
    const Streams streams =
        open_streams({.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});

    CHECK(streams.sources == Sources{streams.theirs.in.get(), streams.theirs.out.get(),
                                     streams.theirs.err.get()});
    REQUIRE(::write(streams.ours.in.get(), "i", 1) == 1);
    REQUIRE(::write(streams.theirs.out.get(), "o", 1) == 1);
    REQUIRE(::write(streams.theirs.err.get(), "e", 1) == 1);
    char byte = 0;
    CHECK((::read(streams.theirs.in.get(), &byte, 1) == 1 && byte == 'i'));
    CHECK((::read(streams.ours.out.get(), &byte, 1) == 1 && byte == 'o'));
    CHECK((::read(streams.ours.err.get(), &byte, 1) == 1 && byte == 'e'));
    CHECK(::fcntl(streams.ours.in.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(streams.theirs.in.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("open_streams: capture_output is a pipe for output and one for errors") {
    const Streams streams = open_streams({.capture_output = true});

    CHECK_FALSE(streams.ours.in);
    CHECK(streams.ours.out);
    CHECK(streams.ours.err);
}

TEST_CASE("open_streams: input is a pipe") {
    CHECK(open_streams({.input = ""}).ours.in);
}

TEST_CASE(
    "open_streams: STDOUT shares what standard output goes to, or the inherited one") {
    const Streams piped = open_streams({.std_err = STDOUT, .std_out = PIPE});

    CHECK(piped.sources.of[2] == piped.sources.of[1]);
    CHECK_FALSE(piped.ours.err);
    CHECK(open_streams({.std_err = STDOUT}).sources == Sources{no_source, no_source, 1});
}

TEST_CASE("open_streams: the caller's own descriptors are used as they are") {
    const Streams streams = open_streams({.std_in = 0, .std_out = 2});

    CHECK(streams.sources == Sources{0, 2, no_source});
    CHECK_FALSE(streams.theirs.out);
}

TEST_CASE("open_streams: a path is read, or created and emptied") {
    char path[] = "/tmp/pyproc-streams-XXXXXX";
    const int made = ::mkstemp(path);
    REQUIRE(::write(made, "old", 3) == 3);
    ::close(made);

    const Streams writing = open_streams({.std_out = path});
    struct stat emptied {};
    REQUIRE(::stat(path, &emptied) == 0);
    REQUIRE(::write(writing.theirs.out.get(), "new", 3) == 3);
    const Streams reading = open_streams({.std_in = path});
    char bytes[8];

    CHECK(emptied.st_size == 0);
    CHECK(::read(reading.theirs.in.get(), bytes, sizeof bytes) == 3);
    ::unlink(path);
}

TEST_CASE("open_streams: a file that can't be opened is an error with its name") {
    try {
        static_cast<void>(open_streams({.std_in = "/no/such/file", .std_out = PIPE}));
        FAIL("opened a file that is not there");
    } catch (const FileNotFoundError& error) {
        CHECK(error.filename() == "/no/such/file");
    }
}

TEST_CASE("open_streams: options that contradict each other are ValueErrors") {
    CHECK_THROWS_AS(open_streams({.input = "x", .std_in = PIPE}), ValueError);
    CHECK_THROWS_AS(open_streams({.capture_output = true, .std_out = PIPE}), ValueError);
    CHECK_THROWS_AS(open_streams({.capture_output = true, .std_err = DEVNULL}),
                    ValueError);
    CHECK_THROWS_AS(open_streams({.std_in = STDOUT}), ValueError);
    CHECK_THROWS_AS(open_streams({.std_out = STDOUT}), ValueError);
    CHECK_THROWS_AS(open_streams({.std_out = std::string{"a\0b", 3}}), ValueError);
}

TEST_CASE("open_streams: when descriptors run out, those opened before are closed") {
    const int answer = test::forked([] {
        const auto before = test::open_descriptors();
        const int next_free = ::dup(0);
        ::close(next_free);
        const auto room_for_three = static_cast<rlim_t>(next_free) + 3;
        const rlimit limit{room_for_three, room_for_three};
        ::setrlimit(RLIMIT_NOFILE, &limit);
        try {
            static_cast<void>(open_streams({.capture_output = true}));
            return 1;
        } catch (const OSError& error) {
            if (error.code().value() != EMFILE) return 2;
        }
        return test::open_descriptors() == before ? 0 : 3;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "open_streams: a descriptor that is not open is EBADF before anything is opened") {
    const int closed = ::dup(0);
    ::close(closed);

    for (const Options& options :
         {Options{.std_out = closed}, Options{.std_err = closed, .std_out = PIPE},
          Options{.pass_fds = {closed}, .std_in = PIPE}}) {
        try {
            static_cast<void>(open_streams(options));
            FAIL("one of our own took its number");
        } catch (const OSError& error) {
            CHECK(error.code().value() == EBADF);
            CHECK_THAT(error.what(), test::Contains(std::to_string(closed)));
        }
    }
    CHECK_THROWS_AS(open_streams({.pass_fds = {-1}}), ValueError);
}

TEST_CASE("open_streams: STDOUT with standard output closed is EBADF") {
    const int answer = test::forked([] {
        ::close(1);
        try {
            static_cast<void>(open_streams({.std_err = STDOUT}));
        } catch (const OSError& error) {
            return error.code().value() == EBADF ? 0 : 1;
        }
        return 2;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "open_streams: pipesize is what a pipe holds, where the system has a say in it") {
    const Streams streams = open_streams({.pipesize = 1 << 17, .std_out = PIPE});

#ifdef F_GETPIPE_SZ
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK(::fcntl(streams.ours.out.get(), F_GETPIPE_SZ) > 0);
#else
    CHECK(::fcntl(streams.ours.out.get(), F_GETPIPE_SZ) == 1 << 17);
#endif
#endif
    CHECK(streams.ours.out);
}

#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
TEST_CASE("open_streams: a pipesize that the system refuses is an error, as in Python") {
    const auto before = test::open_descriptors();

    CHECK_THROWS_AS(open_streams({.pipesize = INT_MAX, .std_in = PIPE}), OSError);
    CHECK_THROWS_WITH(open_streams({.pipesize = INT_MAX, .std_in = PIPE}),
                      test::Contains("pipesize"));

    CHECK(test::open_descriptors() == before);
}
#endif
