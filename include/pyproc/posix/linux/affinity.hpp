// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sched.h>
#include <sys/types.h>

namespace pyproc::posix::platform {

/// A set of CPUs, one bit for each: CPU n is bit `n % bits_in_word` of word
/// `n / bits_in_word`. Eight times as many as the kernel's limit on x86-64, so that no
/// mask has to grow.
struct CpuMask {
    static constexpr int bits_in_word = 8 * static_cast<int>(sizeof(unsigned long));
    static constexpr int word_count = 65'536 / bits_in_word;

    unsigned long words[word_count] = {};
};

/// The CPUs that a thread may run on.
///
/// @param pid  Process or thread; 0 for the calling thread.
/// @return 0, or an errno: ESRCH when there is none.
///
/// Source: sched_getaffinity(2).
[[nodiscard]] inline int get_cpu_affinity(pid_t pid, CpuMask& mask) noexcept {
    mask = {};
    auto* const words = reinterpret_cast<cpu_set_t*>(mask.words);
    return ::sched_getaffinity(pid, sizeof mask.words, words) == 0 ? 0 : errno;
}

/// Lets a thread run on these CPUs only; those that the machine lacks are left out.
///
/// @param pid  Process or thread; 0 for the calling thread.
/// @return 0, or an errno: EINVAL when no CPU is left, ESRCH, EPERM.
///
/// Source: sched_setaffinity(2).
[[nodiscard]] inline int set_cpu_affinity(pid_t pid, const CpuMask& mask) noexcept {
    const auto* const words = reinterpret_cast<const cpu_set_t*>(mask.words);
    return ::sched_setaffinity(pid, sizeof mask.words, words) == 0 ? 0 : errno;
}

}  // namespace pyproc::posix::platform
