// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/types.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// POSIX makes a child of nobody but the caller. @return ENOSYS, always.
[[nodiscard]] inline Result<pid_t> fork_sibling() noexcept {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
