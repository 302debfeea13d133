// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/socket.hpp"

namespace pyproc::posix {

/// Where a stream socket listens: a file, or a port of a host.
class SocketAddress {
public:
    SocketAddress() noexcept = default;

    /// @param path  Of a file; or, in Linux, a name that begins with a zero byte and is
    /// no
    ///              file, the abstract namespace of unix(7).
    /// @return EINVAL or ENAMETOOLONG for a path that can't be one.
    [[nodiscard]] static Result<SocketAddress> of_path(std::string_view path) {
        SocketAddress address;
        const bool is_abstract = path.starts_with('\0');
        if (path.empty()) return Error{EINVAL};
        if (!is_abstract && path.find('\0') != path.npos) return Error{EINVAL};
        // A file's path ends with a zero; an abstract name is all of its bytes.
        const std::size_t size = path.size() + (is_abstract ? 0 : 1);
        if (size > sizeof address.any_.local.sun_path) return Error{ENAMETOOLONG};
        address.any_.local.sun_family = AF_UNIX;
        std::memcpy(address.any_.local.sun_path, path.data(), path.size());
        address.size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + size);
        return address;
    }

    /// @param host  An address in digits, of IPv4 or IPv6; or "localhost", 127.0.0.1.
    /// @return EINVAL for any other host.
    [[nodiscard]] static Result<SocketAddress> of_host(const std::string& host,
                                                       std::uint16_t port) {
        SocketAddress address;
        const std::string digits = host == "localhost" ? "127.0.0.1" : host;
        if (::inet_pton(AF_INET, digits.c_str(), &address.any_.ip4.sin_addr) == 1) {
            address.any_.ip4.sin_family = AF_INET;
            address.any_.ip4.sin_port = htons(port);
            address.size_ = sizeof address.any_.ip4;
            return address;
        }
        address = {};
        if (::inet_pton(AF_INET6, digits.c_str(), &address.any_.ip6.sin6_addr) == 1) {
            address.any_.ip6.sin6_family = AF_INET6;
            address.any_.ip6.sin6_port = htons(port);
            address.size_ = sizeof address.any_.ip6;
            return address;
        }
        return Error{EINVAL};
    }

    /// Where the socket listens, or is connected from.
    ///
    /// Source: getsockname(2).
    [[nodiscard]] static Result<SocketAddress> of_socket(int fd) {
        SocketAddress address;
        address.size_ = sizeof address.any_;
        if (::getsockname(fd, &address.any_.plain, &address.size_) != 0) {
            return Error{errno};
        }
        return address;
    }

    [[nodiscard]] int family() const noexcept { return any_.plain.sa_family; }
    [[nodiscard]] const sockaddr* data() const noexcept { return &any_.plain; }
    [[nodiscard]] socklen_t size() const noexcept { return size_; }

    /// The port; 0 if it has none.
    [[nodiscard]] std::uint16_t port() const noexcept {
        if (family() == AF_INET) return ntohs(any_.ip4.sin_port);
        if (family() == AF_INET6) return ntohs(any_.ip6.sin6_port);
        return 0;
    }

private:
    union Any {
        sockaddr plain;
        sockaddr_in ip4;
        sockaddr_in6 ip6;
        sockaddr_un local;
        sockaddr_storage longest = {};
    };

    Any any_ = {};
    socklen_t size_ = 0;
};

namespace detail {

[[nodiscard]] inline Result<UniqueFd> make_socket(int family) {
    const int fd = ::socket(family, SOCK_STREAM | socket_flags, 0);
    if (fd < 0) return Error{errno};
    return adopt_socket(fd);
}

/// Has a TCP socket send small messages at once, and not wait for company.
inline void send_at_once(int fd) noexcept {
    const int yes = 1;
    // Fails for sockets that are not of TCP, which do so anyway.
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/// Waits for a connection that is under way.
[[nodiscard]] inline Result<void> await_connection(int fd, Deadline deadline) {
    pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
    const auto ready = poll_until(&entry, 1, deadline);
    if (!ready) return ready.error();
    if (*ready == 0) return Error{ETIMEDOUT};
    int code = 0;
    socklen_t size = sizeof code;
    if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0) return Error{errno};
    if (code != 0) return Error{code};
    return {};
}

/// Has connect(2) to a file give up at the deadline, where it waits for a listener that
/// has no place left: in Linux, by the socket's limit for sending. Elsewhere it does not
/// wait.
inline void limit_connect(int fd, Deadline deadline) noexcept {
    timeval limit{};  // which is: none
    if (!deadline.is_never()) {
        const timespec left = deadline.remaining();
        limit.tv_sec = left.tv_sec;
        limit.tv_usec = static_cast<suseconds_t>(left.tv_nsec / 1000);
        if (limit.tv_sec == 0 && limit.tv_usec == 0) limit.tv_usec = 1;
    }
    ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
}

[[nodiscard]] inline Result<void> connect_to_file(int fd, const SocketAddress& address,
                                                  Deadline deadline) {
    for (;;) {
        if (!deadline.is_never()) limit_connect(fd, deadline);
        if (::connect(fd, address.data(), address.size()) == 0 || errno == EISCONN) break;
        if (errno == EAGAIN) return Error{ETIMEDOUT};
        if (errno != EINTR) return Error{errno};
    }
    if (!deadline.is_never()) limit_connect(fd, {});
    return {};
}

[[nodiscard]] inline Result<void> connect_to_port(int fd, const SocketAddress& address,
                                                  Deadline deadline) {
    const int flags = ::fcntl(fd, F_GETFL);
    const bool is_limited = !deadline.is_never();
    if (is_limited && ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Error{errno};
    if (::connect(fd, address.data(), address.size()) != 0 && errno != EISCONN) {
        const bool is_under_way =
            errno == EINPROGRESS || errno == EINTR || errno == EALREADY;
        if (!is_under_way) return Error{errno};
        // POSIX: interrupted by a signal, it goes on without us.
        if (const auto done = await_connection(fd, deadline); !done) return done;
    }
    if (is_limited && ::fcntl(fd, F_SETFL, flags) != 0) return Error{errno};
    return {};
}

}  // namespace detail

/// A socket that listens at `address`; close-on-exec, with a number above 2.
///
/// @param backlog  How many may wait to be accepted.
/// Source: bind(2), listen(2).
[[nodiscard]] inline Result<UniqueFd> listen_at(const SocketAddress& address,
                                                int backlog) {
    auto made = detail::make_socket(address.family());
    if (!made) return made;
    const int fd = made->get();
    if (address.family() != AF_UNIX) {
        // So that a server that is started again need not wait for its old connections.
        const int yes = 1;
        ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    }
    if (::bind(fd, address.data(), address.size()) != 0) return Error{errno};
    if (::listen(fd, backlog) != 0) return Error{errno};
    return made;
}

/// Waits for somebody to connect. The socket is close-on-exec, with a number above 2.
///
/// Source: accept(2).
[[nodiscard]] inline Result<UniqueFd> accept_from(int listener) {
    for (;;) {
#if defined(SOCK_CLOEXEC)
        const int fd = ::accept4(listener, nullptr, nullptr, detail::socket_flags);
#else
        const int fd = ::accept(listener, nullptr, nullptr);
#endif
        if (fd >= 0) {
            detail::send_at_once(fd);
            return detail::adopt_socket(fd);
        }
        // ECONNABORTED: one has given up meanwhile.
        if (errno != EINTR && errno != ECONNABORTED) return Error{errno};
    }
}

/// A socket that is connected to who listens at `address`; close-on-exec, with a number
/// above 2.
///
/// @param deadline  How long a listener may take that has no place left for us.
/// @return ETIMEDOUT when the deadline has come first.
/// Source: connect(2), SO_SNDTIMEO in socket(7).
[[nodiscard]] inline Result<UniqueFd> connect_to(const SocketAddress& address,
                                                 Deadline deadline = {}) {
    auto made = detail::make_socket(address.family());
    if (!made) return made;
    const auto connected = address.family() == AF_UNIX
                               ? detail::connect_to_file(made->get(), address, deadline)
                               : detail::connect_to_port(made->get(), address, deadline);
    if (!connected) return connected.error();
    detail::send_at_once(made->get());
    return made;
}

}  // namespace pyproc::posix
