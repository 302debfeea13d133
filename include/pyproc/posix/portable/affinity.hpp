// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/types.h>

namespace pyproc::posix::platform {

/// A set of CPUs, one bit for each.
struct CpuMask {
    static constexpr int bits_in_word = 8 * static_cast<int>(sizeof(unsigned long));
    static constexpr int word_count = 65'536 / bits_in_word;

    unsigned long words[word_count] = {};
};

/// POSIX binds no process to a CPU. @return ENOSYS, always.
[[nodiscard]] inline int get_cpu_affinity(pid_t, CpuMask&) noexcept {
    return ENOSYS;
}

/// POSIX binds no process to a CPU. @return ENOSYS, always.
[[nodiscard]] inline int set_cpu_affinity(pid_t, const CpuMask&) noexcept {
    return ENOSYS;
}

}  // namespace pyproc::posix::platform
