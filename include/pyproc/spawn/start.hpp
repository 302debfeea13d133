// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include "pyproc/spawn/clone_engine.hpp"
#include "pyproc/spawn/failure.hpp"
#include "pyproc/spawn/fork_engine.hpp"
#include "pyproc/spawn/plan.hpp"

namespace pyproc::spawn {

/// Whether the fast engine is to be tried. Cleared for good by the first refusal, so that
/// a sandbox is asked once and not for each child.
///
/// Read and written by the compiler's atomic builtins, for `<atomic>` would be a tenth of
/// what this library costs the compiler.
inline bool clone_engine_works = true;

/// Starts a child, in the fastest way that the kernel has.
///
/// Returns when the program is running, or is known not to be: then the child is gone and
/// reaped, and the `Failure` says which step failed and why. Allocates nothing, throws
/// nothing, and leaves the caller's signal mask, handlers and descriptors as they were.
///
/// Threads: any number at once; there is no lock on the way.
[[nodiscard]] inline StartResult start(const Plan& plan) {
    if (__atomic_load_n(&clone_engine_works, __ATOMIC_RELAXED)) {
        StartResult result = start_by_clone(plan);
        if (result || !is_unsupported(result.failure())) return result;
        // EINVAL may come from this process's namespaces, which can change.
        if (result.failure().code != EINVAL) {
            __atomic_store_n(&clone_engine_works, false, __ATOMIC_RELAXED);
        }
    }
    return start_by_fork(plan);
}

}  // namespace pyproc::spawn
