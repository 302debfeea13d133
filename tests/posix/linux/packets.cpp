// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/packets.hpp"

#include <string_view>

#include <fcntl.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("packet_sockets: a receive takes one packet, and both are close-on-exec") {
    int ends[2];
    REQUIRE(platform::packet_sockets(ends) == 0);

    REQUIRE(::send(ends[0], "one", 3, 0) == 3);
    REQUIRE(::send(ends[0], "three", 5, 0) == 5);

    char bytes[64];
    CHECK(::recv(ends[1], bytes, sizeof bytes, 0) == 3);
    CHECK(::recv(ends[1], bytes, sizeof bytes, 0) == 5);
    CHECK(::fcntl(ends[0], F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(ends[1], F_GETFD) == FD_CLOEXEC);
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("keeps_packets: it is known of a descriptor, whoever made it") {
    int sockets[2];
    int stream[2];
    REQUIRE(platform::packet_sockets(sockets) == 0);
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0);

    CHECK(platform::keeps_packets(sockets[0]));
    CHECK_FALSE(platform::keeps_packets(stream[0]));
    CHECK_FALSE(platform::keeps_packets(0));
    CHECK_FALSE(platform::keeps_packets(-1));
    for (const int fd : {sockets[0], sockets[1], stream[0], stream[1]}) ::close(fd);
}

TEST_CASE("write_unsignalled: nobody who reads is an errno and no signal, if known") {
    const int answer = test::forked([] {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return 1;
        char byte = 'x';
        const iovec part{.iov_base = &byte, .iov_len = 1};
        const long put = platform::write_unsignalled(ends[1], &part, 1);
        if (put == -ENOSYS || put == -EOPNOTSUPP) return 0;
        if (put != 1) return 2;
        ::close(ends[0]);
        return platform::write_unsignalled(ends[1], &part, 1) == -EPIPE ? 0 : 3;
    });

    CHECK(answer == 0);
}
