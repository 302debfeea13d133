// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/uio.h>

namespace pyproc::posix::platform {

/// What POSIX says of SOCK_SEQPACKET leaves it to the system whether a read may take
/// two packets that do not end a record. @return ENOSYS.
[[nodiscard]] inline int packet_sockets(int (&)[2]) noexcept {
    return ENOSYS;
}

/// @return false: none were made here.
[[nodiscard]] inline bool keeps_packets(int) noexcept {
    return false;
}

/// @return -ENOSYS.
[[nodiscard]] inline long write_unsignalled(int, const iovec*, int) noexcept {
    return -ENOSYS;
}

}  // namespace pyproc::posix::platform
