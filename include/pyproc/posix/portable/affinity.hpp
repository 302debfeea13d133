// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <span>
#include <vector>

#include <sys/types.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// POSIX binds no process to a CPU.
///
/// @return ENOSYS, always.
[[nodiscard]] inline Result<std::vector<int>> cpu_affinity(pid_t) {
    return Error{ENOSYS};
}

/// POSIX binds no process to a CPU.
///
/// @return ENOSYS, always.
[[nodiscard]] inline Result<void> set_cpu_affinity(pid_t, std::span<const int>) {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
