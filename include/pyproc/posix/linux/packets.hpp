// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace pyproc::posix::platform {

/// Two connected sockets that keep packets apart. @return 0 or an errno.
///
/// Source: SOCK_SEQPACKET in unix(7).
[[nodiscard]] inline int packet_sockets(int (&fds)[2]) noexcept {
    return ::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0 ? 0 : errno;
}

/// Whether what is sent through this descriptor arrives in packets.
[[nodiscard]] inline bool keeps_packets(int fd) noexcept {
    int type = 0;
    socklen_t size = sizeof type;
    return ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
           type == SOCK_SEQPACKET;
}

/// writev(2) that raises no SIGPIPE when nobody reads.
///
/// @return How many bytes were written, or minus an errno: ENOSYS or EOPNOTSUPP where the
///         kernel can't do that.
/// Source: RWF_NOSIGNAL in pwritev2(2), Linux 6.18.
[[nodiscard]] inline long write_unsignalled(int fd, const iovec* parts,
                                            int count) noexcept {
    constexpr long no_signal = 0x100;  // too new for most systems' headers
    constexpr long here = -1;          // at the file's own position
    // The sixth argument, the flags, is one more than `system_call` can pass.
    const long put = ::syscall(SYS_pwritev2, fd, parts, static_cast<long>(count), here,
                               here, no_signal);
    return put >= 0 ? put : -errno;
}

}  // namespace pyproc::posix::platform
