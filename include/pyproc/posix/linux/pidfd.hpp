// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

// Linux numbers all system calls since 5.0 alike on every architecture; older headers
// lack these names.
inline constexpr long pidfd_send_signal_number = 424;
inline constexpr long pidfd_open_number = 434;

/// A close-on-exec descriptor that stands for the process `pid`, whatever becomes of the
/// number. It polls readable once the process has ended.
///
/// Source: pidfd_open(2), Linux 5.3.
[[nodiscard]] inline Result<UniqueFd> pidfd_open(pid_t pid, unsigned flags = 0) noexcept {
    const long fd = system_call(pidfd_open_number, pid, static_cast<long>(flags));
    if (fd < 0) return Error{static_cast<int>(-fd)};
    return UniqueFd{static_cast<int>(fd)};
}

/// Source: pidfd_send_signal(2), Linux 5.1.
[[nodiscard]] inline Result<void> pidfd_send_signal(int pidfd, int signal) noexcept {
    const long result = system_call(pidfd_send_signal_number, pidfd, signal);
    if (result < 0) return Error{static_cast<int>(-result)};
    return {};
}

/// waitid(2) for the process behind `pidfd`, with its resource usage, which glibc's
/// wrapper does not pass on.
///
/// @param options  WEXITED, with WNOHANG or WNOWAIT added.
/// @return Which child has changed (`info.si_pid` is 0 for none, under WNOHANG).
/// Source: waitid(2); P_PIDFD is Linux 5.4.
[[nodiscard]] inline Result<void> pidfd_wait(int pidfd, int options, siginfo_t& info,
                                             rusage& usage) noexcept {
    constexpr long by_pidfd = 3;
    info.si_pid = 0;
    long result = 0;
    do {
        result = system_call(SYS_waitid, by_pidfd, pidfd, address(&info), options,
                             address(&usage));
    } while (result == -EINTR);
    if (result < 0) return Error{static_cast<int>(-result)};
    return {};
}

}  // namespace pyproc::posix::platform
