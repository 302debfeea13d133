// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <set>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/platform.hpp"

namespace pyproc::os {

/// Makes this process yield to others more readily, or less.
///
/// @param increment  Added to the niceness, which stays within -20 (first) and 19 (last).
/// @return The new niceness.
/// @throws PermissionError  Below the present niceness goes only who is privileged.
///
/// Python: `os.nice(increment)`. Source: nice(2).
inline int nice(int increment) {
    // -1 is a niceness too, so that only errno tells it from a failure.
    errno = 0;
    const int niceness = ::nice(increment);
    if (niceness == -1 && errno != 0) throw_os_error(errno, "nice");
    return niceness;
}

/// The number of CPUs that are online in this machine.
///
/// @return `nullopt` if the system does not say.
///
/// Python: `os.cpu_count()`, where `nullopt` is None.
/// Source: sysconf(3), _SC_NPROCESSORS_ONLN.
[[nodiscard]] inline std::optional<int> cpu_count() noexcept {
    const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) return std::nullopt;
    return static_cast<int>(count);
}

/// The CPUs that a process may run on.
///
/// @param pid  A process, or one thread by its number; 0 for the calling thread.
/// @return Their numbers, from 0 up; more than 1,024 if the machine has so many.
/// @throws ProcessLookupError  There is no such process.
/// @throws OSError             ENOSYS: this system binds no process to a CPU.
///
/// Python: `os.sched_getaffinity(pid)`. Source: sched_getaffinity(2).
[[nodiscard]] inline std::set<int> sched_getaffinity(pid_t pid) {
    using posix::platform::CpuMask;
    CpuMask mask;
    if (const int code = posix::platform::get_cpu_affinity(pid, mask); code != 0) {
        throw_os_error(code, "sched_getaffinity");
    }
    std::set<int> cpus;
    for (int word = 0; word < CpuMask::word_count; ++word) {
        if (mask.words[word] == 0) continue;
        for (int bit = 0; bit < CpuMask::bits_in_word; ++bit) {
            const bool is_set = (mask.words[word] >> bit & 1U) != 0;
            if (is_set) cpus.insert(cpus.end(), word * CpuMask::bits_in_word + bit);
        }
    }
    return cpus;
}

/// Lets a process run on these CPUs only, and the children it starts from now on.
///
/// @param pid   A process, or one thread by its number; 0 for the calling thread.
/// @param mask  Numbers of CPUs. Those that the machine lacks are left out.
/// @throws ValueError          A number is negative.
/// @throws ProcessLookupError  There is no such process.
/// @throws PermissionError     It belongs to another user.
/// @throws OSError             EINVAL: the machine has none of these CPUs. ENOSYS: this
///                             system binds no process to a CPU.
///
/// Python: `os.sched_setaffinity(pid, mask)`. Source: sched_setaffinity(2).
inline void sched_setaffinity(pid_t pid, const std::set<int>& mask) {
    if (!mask.empty() && *mask.begin() < 0) {
        throw ValueError{"sched_setaffinity: negative CPU number"};
    }
    using posix::platform::CpuMask;
    CpuMask words;
    for (const int cpu : mask) {
        const int word = cpu / CpuMask::bits_in_word;
        // No machine has those beyond, and the kernel passes over what it lacks.
        if (word >= CpuMask::word_count) break;
        words.words[word] |= 1UL << (cpu % CpuMask::bits_in_word);
    }
    if (const int code = posix::platform::set_cpu_affinity(pid, words); code != 0) {
        throw_os_error(code, "sched_setaffinity");
    }
}

/// The number of CPUs that the calling thread may run on: how many workers make sense.
///
/// @return Where the system binds no process to a CPU, the same as `cpu_count()`.
///
/// Python: `os.process_cpu_count()`, since 3.13; without its override by
/// PYTHON_CPU_COUNT. Source: sched_getaffinity(2).
[[nodiscard]] inline std::optional<int> process_cpu_count() {
    try {
        return static_cast<int>(sched_getaffinity(0).size());
    } catch (const OSError&) {
        return cpu_count();
    }
}

/// How many processes ran or waited to run, on average over the last 1, 5 and 15 minutes.
///
/// @throws OSError  The system does not say.
///
/// Python: `os.getloadavg()`. Source: getloadavg(3).
[[nodiscard]] inline std::array<double, 3> getloadavg() {
    std::array<double, 3> averages{};
    errno = 0;
    if (::getloadavg(averages.data(), 3) != 3) {
        throw_os_error(errno != 0 ? errno : ENOSYS, "getloadavg");
    }
    return averages;
}

}  // namespace pyproc::os
