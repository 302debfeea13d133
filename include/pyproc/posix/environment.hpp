// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <unistd.h>

extern "C" {
// POSIX has it declared by the program; the C libraries that declare it agree.
extern char** environ;  // NOLINT(readability-redundant-declaration)
}

namespace pyproc::posix {

/// The process's own environment as execve(2) takes it: `NAME=value` strings, then a null
/// pointer. Never null itself, which `environ` is after clearenv(3).
///
/// Threads: not beside another that changes the environment.
[[nodiscard]] inline char** environment() noexcept {
    static char* empty[] = {nullptr};
    return ::environ == nullptr ? empty : ::environ;
}

}  // namespace pyproc::posix
