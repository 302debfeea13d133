// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// POSIX names processes by number alone. @return ENOSYS, always.
[[nodiscard]] inline Result<UniqueFd> pidfd_open(pid_t, unsigned = 0) noexcept {
    return Error{ENOSYS};
}

/// @return ENOSYS, always.
[[nodiscard]] inline Result<void> pidfd_send_signal(int, int) noexcept {
    return Error{ENOSYS};
}

/// @return ENOSYS, always.
[[nodiscard]] inline Result<void> pidfd_wait(int, int, siginfo_t&, rusage&) noexcept {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
