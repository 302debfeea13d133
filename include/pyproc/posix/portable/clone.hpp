// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/types.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

using CloneEntry = void (*)(void*) noexcept;

enum class DescriptorTable : bool { copied, shared };

struct Cloned {
    pid_t pid;
    int pidfd;
};

/// POSIX has no such call; `spawn/fork_engine.hpp` is the way without it.
///
/// @return ENOSYS, always.
[[nodiscard]] inline Result<Cloned> clone_and_run(DescriptorTable, CloneEntry,
                                                  void*) noexcept {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
