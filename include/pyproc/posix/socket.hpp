// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/signal_mask.hpp"

namespace pyproc::posix {

namespace detail {

/// What makes a socket close-on-exec as it is made; 0 where the system has no such flag.
#if defined(SOCK_CLOEXEC)
inline constexpr int socket_flags = SOCK_CLOEXEC;
#else
inline constexpr int socket_flags = 0;
#endif

/// What makes received descriptors close-on-exec as they come.
#if defined(MSG_CMSG_CLOEXEC)
inline constexpr int receive_flags = MSG_CMSG_CLOEXEC;
#else
inline constexpr int receive_flags = 0;
#endif

/// What keeps a send from raising SIGPIPE.
#if defined(MSG_NOSIGNAL)
inline constexpr int send_flags = MSG_NOSIGNAL;
#else
inline constexpr int send_flags = 0;
#endif

/// Makes `fd` close-on-exec where its maker could not, and gives it a number above 2.
[[nodiscard]] inline Result<UniqueFd> adopt_socket(int fd) {
    UniqueFd made{fd};
    if (socket_flags == 0 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) return Error{errno};
    return lift_above_standard(std::move(made));
}

/// Calls `send` until no signal interrupts it, with SIGPIPE held off.
template <class Send>
[[nodiscard]] Result<std::size_t> send_quietly(Send send) {
    const auto repeat = [&]() -> Result<std::size_t> {
        for (;;) {
            const ssize_t put = send();
            if (put >= 0) return static_cast<std::size_t>(put);
            if (errno != EINTR) return Error{errno};
        }
    };
    if constexpr (send_flags != 0) {
        return repeat();
    } else {
        SigpipeBlocked sigpipe;
        auto put = repeat();
        if (put.code() == EPIPE) sigpipe.discard_raised();
        return put;
    }
}

}  // namespace detail

/// Two sockets that are connected with each other.
struct SocketPair {
    UniqueFd first;
    UniqueFd second;
};

namespace detail {

[[nodiscard]] inline Result<SocketPair> adopt_sockets(const int (&fds)[2]) {
    UniqueFd high{fds[1]};  // owned already while the other is adopted
    auto first = adopt_socket(fds[0]);
    if (!first) return first.error();
    auto second = adopt_socket(high.release());
    if (!second) return second.error();
    return SocketPair{std::move(*first), std::move(*second)};
}

}  // namespace detail

/// Makes two connected stream sockets, close-on-exec, with numbers above 2.
///
/// Source: socketpair(2), unix(7).
[[nodiscard]] inline Result<SocketPair> make_stream_sockets() {
    int fds[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | detail::socket_flags, 0, fds) != 0) {
        return Error{errno};
    }
    return detail::adopt_sockets(fds);
}

/// The same, but what one send sends is what one receive gets, if its buffer is no
/// smaller.
///
/// @return ENOSYS or an errno of its own where the system has no such sockets.
[[nodiscard]] inline Result<SocketPair> make_packet_sockets() {
    int fds[2];
    if (const int code = platform::packet_sockets(fds); code != 0) return Error{code};
    return detail::adopt_sockets(fds);
}

/// Whether `fd` is a socket.
[[nodiscard]] inline bool is_socket(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0;
}

/// Sends a first part of `size` bytes, or a packet of just these, and returns its length;
/// starts over when a signal interrupts it. A peer that is gone is EPIPE or ECONNRESET,
/// and raises no SIGPIPE.
///
/// Source: send(2).
[[nodiscard]] inline Result<std::size_t> send_some(int fd, const char* bytes,
                                                   std::size_t size) {
    return detail::send_quietly(
        [=] { return ::send(fd, bytes, size, detail::send_flags); });
}

/// The same for `count` pieces of memory that are sent as one.
[[nodiscard]] inline Result<std::size_t> send_parts(int fd, iovec* parts, int count) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(count);
    return detail::send_quietly(
        [&] { return ::sendmsg(fd, &message, detail::send_flags); });
}

/// Receives up to `size` bytes of a stream; starts over when a signal interrupts it. 0 is
/// the end.
///
/// Source: recv(2).
[[nodiscard]] inline Result<std::size_t> receive_some(int fd, char* to,
                                                      std::size_t size) {
    for (;;) {
        const ssize_t got = ::recv(fd, to, size, 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return Error{errno};
    }
}

/// Receives a packet of up to `size` bytes; starts over when a signal interrupts it. 0 is
/// the end. Not for streams: TCP would throw bytes away.
///
/// @return The length of the whole packet, if it is one that did not fit: more than
///         `size`. The rest of it is lost.
/// Source: recv(2).
[[nodiscard]] inline Result<std::size_t> receive_packet(int fd, char* to,
                                                        std::size_t size) {
    for (;;) {
        const ssize_t got = ::recv(fd, to, size, MSG_TRUNC);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return Error{errno};
    }
}

/// The most descriptors that one call can pass.
///
/// Source: SCM_MAX_FD in Linux.
inline constexpr std::size_t most_descriptors = 253;

/// Sends one byte, and with it duplicates of `fds`.
///
/// Source: SCM_RIGHTS in unix(7), cmsg(3).
[[nodiscard]] inline Result<void> send_descriptors(int fd, char byte,
                                                   std::span<const int> fds) {
    if (fds.empty() || fds.size() > most_descriptors) return Error{EINVAL};
    std::vector<char> control(CMSG_SPACE(fds.size_bytes()));
    iovec part{.iov_base = &byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen =
        static_cast<decltype(message.msg_controllen)>(control.size());
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len =
        static_cast<decltype(header->cmsg_len)>(CMSG_LEN(fds.size_bytes()));
    std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
    const auto put =
        detail::send_quietly([&] { return ::sendmsg(fd, &message, detail::send_flags); });
    if (!put) return put.error();
    return {};
}

/// What `receive_descriptors` got.
struct ReceivedDescriptors {
    std::vector<UniqueFd> fds;
    char byte = 0;
    bool is_end = false;  ///< nothing came and nothing will
};

/// Receives one byte and the descriptors that came with it, close-on-exec from their
/// first moment; those are closed that a peer sent beyond `most`.
///
/// @return EBADMSG if there were more; EMFILE if the process may not have so many open:
///         those that came are closed, and the byte is taken.
/// Source: SCM_RIGHTS in unix(7), cmsg(3).
[[nodiscard]] inline Result<ReceivedDescriptors> receive_descriptors(int fd,
                                                                     std::size_t most) {
    ReceivedDescriptors received;
    std::vector<char> control(CMSG_SPACE(most * sizeof(int)));
    iovec part{.iov_base = &received.byte, .iov_len = 1};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen =
        static_cast<decltype(message.msg_controllen)>(control.size());
    received.fds.reserve(most + 1);  // no exception between here and there may leak one
    ssize_t got = -1;
    do {
        got = ::recvmsg(fd, &message, detail::receive_flags);
    } while (got < 0 && errno == EINTR);
    if (got < 0) return Error{errno};

    received.is_end = got == 0;
    for (cmsghdr* each = CMSG_FIRSTHDR(&message); each != nullptr;
         each = CMSG_NXTHDR(&message, each)) {
        if (each->cmsg_level != SOL_SOCKET || each->cmsg_type != SCM_RIGHTS) continue;
        const std::size_t count = (each->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int number = -1;
            std::memcpy(&number, CMSG_DATA(each) + i * sizeof number, sizeof number);
            if (detail::receive_flags == 0) ::fcntl(number, F_SETFD, FD_CLOEXEC);
            received.fds.emplace_back(number);
        }
    }
    // There was room for them in the message, so it is the process that has none.
    const bool are_lost = (message.msg_flags & MSG_CTRUNC) != 0;
    if (are_lost && received.fds.size() < most) return Error{EMFILE};
    // Padding may leave room for one more than was asked for.
    if (are_lost || received.fds.size() > most) {
        return Error{EBADMSG};
    }
    for (UniqueFd& each : received.fds) each = lift_if_possible(std::move(each));
    return received;
}

}  // namespace pyproc::posix
