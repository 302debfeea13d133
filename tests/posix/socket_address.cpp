// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/socket_address.hpp"

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace pyproc::posix;
using namespace std::chrono_literals;

namespace {

/// A directory for sockets, gone with the object.
struct Directory {
    std::string path = "/tmp/pyproc-XXXXXX";
    Directory() {
        if (::mkdtemp(path.data()) == nullptr) std::abort();
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;
    ~Directory() {
        ::unlink(socket().c_str());
        ::rmdir(path.c_str());
    }
    [[nodiscard]] std::string socket() const { return path + "/socket"; }
};

/// Whether who connects to the address can send to who listens there.
void check_connection(const SocketAddress& wanted) {
    const auto listener = listen_at(wanted, 1).or_throw("listen");
    const auto address = SocketAddress::of_socket(listener.get()).or_throw("getsockname");

    const auto theirs = connect_to(address).or_throw("connect");
    const auto ours = accept_from(listener.get()).or_throw("accept");

    char bytes[8];
    CHECK(*send_some(theirs.get(), "hello", 5) == 5);
    CHECK(*receive_some(ours.get(), bytes, sizeof bytes) == 5);
    for (const int fd : {listener.get(), theirs.get(), ours.get()}) {
        CHECK(::fcntl(fd, F_GETFD) == FD_CLOEXEC);
        CHECK(fd > 2);
    }
}

}  // namespace

TEST_CASE("listen_at: who connects by a path is accepted") {
    const Directory directory;

    check_connection(SocketAddress::of_path(directory.socket()).or_throw("path"));
}

TEST_CASE("listen_at: who connects by a port is accepted") {
    const auto address = SocketAddress::of_host("localhost", 0).or_throw("host");

    check_connection(address);

    CHECK(address.family() == AF_INET);
}

#if defined(__linux__)
TEST_CASE("listen_at: who connects by an abstract name is accepted") {
    const std::string name =
        std::string(1, '\0') + "pyproc-test-" + std::to_string(::getpid());

    check_connection(SocketAddress::of_path(name).or_throw("path"));
}
#endif

TEST_CASE("of_path: what can't be a path of a socket is refused") {
    CHECK(SocketAddress::of_path("").code() == EINVAL);
    CHECK(SocketAddress::of_path(std::string_view{"a\0b", 3}).code() == EINVAL);
    CHECK(SocketAddress::of_path(std::string(107, 'x')).code() == 0);
    CHECK(SocketAddress::of_path(std::string(108, 'x')).code() == ENAMETOOLONG);
}

TEST_CASE("of_host: a host is an address in digits, or localhost") {
    CHECK(SocketAddress::of_host("127.0.0.1", 80)->port() == 80);
    CHECK(SocketAddress::of_host("::1", 65535)->family() == AF_INET6);
    CHECK(SocketAddress::of_host("::1", 65535)->port() == 65535);
    CHECK(SocketAddress::of_host("example.com", 80).code() == EINVAL);
    CHECK(SocketAddress::of_host("", 80).code() == EINVAL);
}

TEST_CASE("connect_to: where nobody listens it is an errno") {
    const Directory directory;
    const auto path = SocketAddress::of_path(directory.socket()).or_throw("path");
    const auto port = [] {
        const auto any = SocketAddress::of_host("127.0.0.1", 0).or_throw("host");
        const auto listener = listen_at(any, 1).or_throw("listen");
        return SocketAddress::of_socket(listener.get()).or_throw("getsockname");
    }();

    CHECK(connect_to(path).code() == ENOENT);
    CHECK(connect_to(port).code() == ECONNREFUSED);
}

TEST_CASE("connect_to: a listener without a place left is waited for, up to a deadline") {
    const Directory directory;
    const auto path = SocketAddress::of_path(directory.socket()).or_throw("path");
    for (const bool is_path : {true, false}) {
        const auto listener =
            is_path
                ? listen_at(path, 0).or_throw("listen")
                : listen_at(SocketAddress::of_host("127.0.0.1", 0).or_throw("host"), 0)
                      .or_throw("listen");
        const auto address =
            SocketAddress::of_socket(listener.get()).or_throw("getsockname");
        std::vector<UniqueFd> waiting;
        int code = 0;

        while (code == 0 && waiting.size() < 10) {
            auto connected = connect_to(address, Deadline::after(20ms));
            code = connected.code();
            if (connected) waiting.push_back(std::move(*connected));
        }

        CHECK(code == ETIMEDOUT);
        CHECK_FALSE(waiting.empty());
        for (const UniqueFd& each : waiting) {
            CHECK((::fcntl(each.get(), F_GETFL) & O_NONBLOCK) == 0);
        }
    }
}

TEST_CASE("listen_at: a path that is in use is EADDRINUSE") {
    const Directory directory;
    const auto path = SocketAddress::of_path(directory.socket()).or_throw("path");
    const auto listener = listen_at(path, 1).or_throw("listen");

    CHECK(listen_at(path, 1).code() == EADDRINUSE);
}
