// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <fcntl.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "pyproc/posix/linux/system_call.hpp"

namespace pyproc::posix::platform {

/// A pipe whose ends are close-on-exec in the same step, so that no child started
/// meanwhile can inherit them.
///
/// @return 0 or an errno.
/// Source: pipe2(2).
[[nodiscard]] inline int pipe_cloexec(int (&fds)[2]) noexcept {
    return ::pipe2(fds, O_CLOEXEC) == 0 ? 0 : errno;
}

/// Makes a pipe hold `size` bytes or somewhat more. @return 0 or an errno: EPERM for more
/// than the system allows the caller.
///
/// Source: F_SETPIPE_SZ in fcntl(2).
[[nodiscard]] inline int resize_pipe(int fd, int size) noexcept {
    constexpr int set_pipe_size = 1031;  // musl names it only under _GNU_SOURCE
    return ::fcntl(fd, set_pipe_size, size) < 0 ? errno : 0;
}

/// Whether the calling thread's descriptors are those of its process, as others see it:
/// those of its first thread. A thread may have a table of its own, by unshare(2).
///
/// @return false too where it can't be known.
/// Source: KCMP_FILES in kcmp(2). Linux 3.5.
[[nodiscard]] inline bool has_descriptors_of_process() noexcept {
    constexpr long are_files_equal = 2;
    const long process = ::getpid();
    const long thread = system_call(SYS_gettid);
    if (thread == process) return true;
    return system_call(SYS_kcmp, process, thread, are_files_equal) == 0;
}

/// poll(2) with a limit to the nanosecond.
///
/// Source: ppoll(2).
[[nodiscard]] inline int poll_for(pollfd* entries, nfds_t count,
                                  timespec limit) noexcept {
    return ::ppoll(entries, count, &limit, nullptr);
}

}  // namespace pyproc::posix::platform
