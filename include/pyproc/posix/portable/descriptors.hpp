// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <climits>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

namespace pyproc::posix::platform {

/// A pipe with close-on-exec ends, in two steps: a child that other code starts just
/// between them inherits the ends. Children of this library close what they inherit.
///
/// @return 0 or an errno.
/// Source: pipe(2), fcntl(2).
[[nodiscard]] inline int pipe_cloexec(int (&fds)[2]) noexcept {
    if (::pipe(fds) != 0) return errno;
    for (const int fd : fds) {
        if (::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0) continue;
        const int code = errno;
        ::close(fds[0]);
        ::close(fds[1]);
        return code;
    }
    return 0;
}

/// POSIX has no say in how much a pipe holds: it stays as it is. @return 0.
[[nodiscard]] inline int resize_pipe(int, int) noexcept {
    return 0;
}

/// In POSIX all threads of a process have its descriptors.
[[nodiscard]] inline bool has_descriptors_of_process() noexcept {
    return true;
}

/// poll(2) with its limit rounded up to a whole millisecond, so that a caller who asks
/// again has waited long enough; a limit beyond its range is cut.
[[nodiscard]] inline int poll_for(pollfd* entries, nfds_t count,
                                  timespec limit) noexcept {
    constexpr long long most = INT_MAX;
    const long long milliseconds = limit.tv_sec >= most / 1000
                                       ? most
                                       : static_cast<long long>(limit.tv_sec) * 1000 +
                                             (limit.tv_nsec + 999'999) / 1'000'000;
    return ::poll(entries, count, static_cast<int>(milliseconds));
}

}  // namespace pyproc::posix::platform
