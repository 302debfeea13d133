// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// POSIX ties nothing to a thread for which this would be needed. @return ENOSYS, always.
[[nodiscard]] inline Result<void> run_in_lasting_thread(void (*)(void*) noexcept, void*) {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
