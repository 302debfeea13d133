// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <bit>
#include <optional>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/context.hpp"
#include "pyproc/posix/platform.hpp"

namespace pyproc::multiprocessing::detail {

/// How many workers a pool has.
///
/// @param wanted  Unset: one for each processor that the calling thread may run on.
/// @throws ValueError  Fewer than one.
[[nodiscard]] inline unsigned worker_count(std::optional<int> wanted) {
    if (!wanted) {
        posix::platform::CpuMask mask;
        if (posix::platform::get_cpu_affinity(0, mask) != 0) {
            wanted = cpu_count();
        } else {
            wanted = 0;
            for (const unsigned long word : mask.words) *wanted += std::popcount(word);
        }
    }
    if (*wanted < 1) throw ValueError{"Number of processes must be at least 1"};
    return static_cast<unsigned>(*wanted);
}

/// After how many tasks a worker is replaced; 0 for never.
///
/// @throws ValueError  Fewer than one are wanted.
[[nodiscard]] inline unsigned task_count(std::optional<int> wanted) {
    if (!wanted) return 0;
    if (*wanted < 1) throw ValueError{"max_tasks_per_child must be at least 1"};
    return static_cast<unsigned>(*wanted);
}

}  // namespace pyproc::multiprocessing::detail
