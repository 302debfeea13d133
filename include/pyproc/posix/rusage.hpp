// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/resource.h>
#include <sys/time.h>

#include "pyproc/posix/chrono.hpp"

namespace pyproc::posix {

/// What a process has used up. A member that the system does not count is 0; on Linux
/// that is `ru_ixrss`, `ru_idrss`, `ru_isrss`, `ru_nswap`, `ru_msgsnd`, `ru_msgrcv` and
/// `ru_nsignals`.
///
/// Python: `resource.struct_rusage`, where the times are seconds in floating point.
/// Source: getrusage(2).
struct Rusage {
    std::chrono::microseconds ru_utime = {};  ///< time spent in the program
    std::chrono::microseconds ru_stime = {};  ///< time the kernel spent on its behalf
    long ru_maxrss = 0;  ///< largest resident set; KiB on Linux, bytes on macOS
    long ru_ixrss = 0;
    long ru_idrss = 0;
    long ru_isrss = 0;
    long ru_minflt = 0;  ///< page faults served without reading
    long ru_majflt = 0;  ///< page faults that had to read
    long ru_nswap = 0;
    long ru_inblock = 0;  ///< times the file system had to read
    long ru_oublock = 0;  ///< times the file system had to write
    long ru_msgsnd = 0;
    long ru_msgrcv = 0;
    long ru_nsignals = 0;
    long ru_nvcsw = 0;   ///< times it gave up the processor, to wait
    long ru_nivcsw = 0;  ///< times the processor was taken from it

    friend bool operator==(const Rusage&, const Rusage&) = default;
};

/// The system's own struct in our types.
[[nodiscard]] inline Rusage to_rusage(const ::rusage& usage) noexcept {
    const auto duration = [](const timeval& time) {
        return std::chrono::microseconds{time.tv_sec * 1'000'000LL + time.tv_usec};
    };
    return {.ru_utime = duration(usage.ru_utime),
            .ru_stime = duration(usage.ru_stime),
            .ru_maxrss = usage.ru_maxrss,
            .ru_ixrss = usage.ru_ixrss,
            .ru_idrss = usage.ru_idrss,
            .ru_isrss = usage.ru_isrss,
            .ru_minflt = usage.ru_minflt,
            .ru_majflt = usage.ru_majflt,
            .ru_nswap = usage.ru_nswap,
            .ru_inblock = usage.ru_inblock,
            .ru_oublock = usage.ru_oublock,
            .ru_msgsnd = usage.ru_msgsnd,
            .ru_msgrcv = usage.ru_msgrcv,
            .ru_nsignals = usage.ru_nsignals,
            .ru_nvcsw = usage.ru_nvcsw,
            .ru_nivcsw = usage.ru_nivcsw};
}

}  // namespace pyproc::posix
