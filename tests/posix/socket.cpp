// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/socket.hpp"

#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

namespace {

/// Whether two descriptors are of one file.
bool are_same_file(int a, int b) {
    struct stat first {};
    struct stat second {};
    return ::fstat(a, &first) == 0 && ::fstat(b, &second) == 0 &&
           first.st_ino == second.st_ino && first.st_dev == second.st_dev;
}

}  // namespace

TEST_CASE("make_stream_sockets: what one sends the other receives, both close-on-exec") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");

    REQUIRE(*send_some(sockets.first.get(), "hello", 5) == 5);

    char bytes[16];
    CHECK(*receive_some(sockets.second.get(), bytes, sizeof bytes) == 5);
    CHECK(::fcntl(sockets.first.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(sockets.second.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("make_stream_sockets: their numbers are above 2 even if those are free") {
    const int answer = test::forked([] {
        for (const int fd : {0, 1, 2}) ::close(fd);
        const auto sockets = make_stream_sockets();
        const bool are_above =
            sockets && sockets->first.get() > 2 && sockets->second.get() > 2;
        return are_above && *test::open_descriptors().begin() > 2 ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE("make_packet_sockets: a packet that does not fit is told by its whole length") {
    auto sockets = make_packet_sockets();
    if (!sockets) return;  // there are none here

    REQUIRE(*send_some(sockets->first.get(), "hello", 5) == 5);
    REQUIRE(*send_some(sockets->first.get(), "next", 4) == 4);

    char bytes[4];
    CHECK(*receive_packet(sockets->second.get(), bytes, 2) == 5);
    CHECK(*receive_packet(sockets->second.get(), bytes, sizeof bytes) == 4);
}

TEST_CASE("send_parts: pieces arrive as one") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");
    char first[] = "hel";
    char second[] = "lo";
    iovec parts[] = {{.iov_base = first, .iov_len = 3},
                     {.iov_base = second, .iov_len = 2}};

    REQUIRE(*send_parts(sockets.first.get(), parts, 2) == 5);

    char bytes[16];
    const auto got = receive_some(sockets.second.get(), bytes, sizeof bytes);
    CHECK(std::string(bytes, *got) == "hello");
}

TEST_CASE("send: a peer that is gone is EPIPE and no SIGPIPE") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_DFL);
        auto sockets = make_stream_sockets().or_throw("socketpair");
        sockets.second.reset();
        const int fd = sockets.first.get();
        char byte = 'x';
        iovec part{.iov_base = &byte, .iov_len = 1};
        if (send_some(fd, &byte, 1).code() != EPIPE) return 1;
        if (send_parts(fd, &part, 1).code() != EPIPE) return 2;
        const int sent = 0;
        return send_descriptors(fd, 'x', {&sent, 1}).code() == EPIPE ? 0 : 3;
    });

    CHECK(answer == 0);
}

TEST_CASE("is_socket: a socket is one, a pipe and a closed descriptor are none") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");
    const auto pipe = make_pipe().or_throw("pipe");

    CHECK(is_socket(sockets.first.get()));
    CHECK_FALSE(is_socket(pipe.read_end.get()));
    CHECK_FALSE(is_socket(-1));
}

TEST_CASE("send_descriptors: duplicates arrive, close-on-exec and above 2") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");
    const auto pipe = make_pipe().or_throw("pipe");
    const int sent[] = {pipe.read_end.get(), pipe.write_end.get()};

    REQUIRE(send_descriptors(sockets.first.get(), 'b', sent));
    const auto received = receive_descriptors(sockets.second.get(), 2);

    REQUIRE(received);
    CHECK(received->byte == 'b');
    CHECK_FALSE(received->is_end);
    REQUIRE(received->fds.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
        const int fd = received->fds[i].get();
        CHECK(are_same_file(fd, sent[i]));
        CHECK(fd != sent[i]);
        CHECK(fd > 2);
        CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
    }
}

TEST_CASE("receive_descriptors: more than were asked for are refused, and none is left") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");
    const std::vector<int> sent(4, 0);
    REQUIRE(send_descriptors(sockets.first.get(), 'b', sent));
    const auto before = test::open_descriptors();

    const auto received = receive_descriptors(sockets.second.get(), 1);

    CHECK(received.code() == EBADMSG);
    CHECK(test::open_descriptors() == before);
}

TEST_CASE("receive_descriptors: bytes without descriptors, and the end, are told apart") {
    auto sockets = make_stream_sockets().or_throw("socketpair");
    REQUIRE(*send_some(sockets.first.get(), "x", 1) == 1);
    sockets.first.reset();

    const auto bytes = receive_descriptors(sockets.second.get(), 1);
    const auto end = receive_descriptors(sockets.second.get(), 1);

    CHECK(bytes->byte == 'x');
    CHECK(bytes->fds.empty());
    CHECK_FALSE(bytes->is_end);
    CHECK(end->is_end);
}

TEST_CASE("send_descriptors: none, and more than can be sent, are EINVAL") {
    const auto sockets = make_stream_sockets().or_throw("socketpair");
    const std::vector<int> many(most_descriptors + 1, 0);

    CHECK(send_descriptors(sockets.first.get(), 'b', {}).code() == EINVAL);
    CHECK(send_descriptors(sockets.first.get(), 'b', many).code() == EINVAL);
}
