// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <limits>
#include <span>
#include <vector>

#include <sched.h>
#include <sys/types.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

namespace detail {

using CpuWord = unsigned long;
inline constexpr std::size_t cpus_in_word = std::numeric_limits<CpuWord>::digits;

/// The largest number of CPUs asked for. The kernel's own limit is 8,192 on x86-64.
inline constexpr std::size_t most_cpus = std::size_t{1} << 20U;

}  // namespace detail

/// The CPUs that a thread may run on, ascending.
///
/// @param pid  Process or thread; 0 for the calling thread.
/// @return ESRCH when there is none.
///
/// Source: sched_getaffinity(2); "Handling systems with large CPU affinity masks": the
///         mask grows while the kernel says that its own is larger.
[[nodiscard]] inline Result<std::vector<int>> cpu_affinity(pid_t pid) {
    std::vector<detail::CpuWord> mask(CPU_SETSIZE / detail::cpus_in_word);
    while (::sched_getaffinity(pid, mask.size() * sizeof(detail::CpuWord),
                               reinterpret_cast<cpu_set_t*>(mask.data())) != 0) {
        // EINVAL may also be a sandbox's answer, which no mask is large enough for.
        if (errno != EINVAL || mask.size() * detail::cpus_in_word > detail::most_cpus) {
            return Error{errno};
        }
        mask.assign(mask.size() * 2, 0);
    }

    std::vector<int> cpus;
    for (std::size_t word = 0; word < mask.size(); ++word) {
        for (std::size_t bit = 0; bit < detail::cpus_in_word; ++bit) {
            if ((mask[word] >> bit & 1U) == 0) continue;
            cpus.push_back(static_cast<int>(word * detail::cpus_in_word + bit));
        }
    }
    return cpus;
}

/// Lets a thread run on these CPUs only.
///
/// @param pid   Process or thread; 0 for the calling thread.
/// @param cpus  Numbers from 0 up, in any order. Those that the machine lacks are left
/// out.
/// @return EINVAL when none is left or one is negative, ESRCH, EPERM.
///
/// Source: sched_setaffinity(2).
[[nodiscard]] inline Result<void> set_cpu_affinity(pid_t pid, std::span<const int> cpus) {
    std::vector<detail::CpuWord> mask(CPU_SETSIZE / detail::cpus_in_word);
    for (const int cpu : cpus) {
        if (cpu < 0) return Error{EINVAL};
        const auto number = static_cast<std::size_t>(cpu);
        // No machine has it; a mask as wide as the largest int would take 256 MiB.
        if (number >= detail::most_cpus) continue;
        const std::size_t word = number / detail::cpus_in_word;
        if (word >= mask.size()) mask.resize(word + 1);
        mask[word] |= detail::CpuWord{1} << number % detail::cpus_in_word;
    }
    if (::sched_setaffinity(pid, mask.size() * sizeof(detail::CpuWord),
                            reinterpret_cast<const cpu_set_t*>(mask.data())) != 0) {
        return Error{errno};
    }
    return {};
}

}  // namespace pyproc::posix::platform
