// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <utility>

#include <signal.h>

#include "pyproc/posix/platform.hpp"
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

namespace detail {

/// Starts a child from the calling thread.
[[nodiscard]] inline StartResult start_here(const Plan& plan) {
    if (may_share_memory(plan) &&
        __atomic_load_n(&clone_engine_works, __ATOMIC_RELAXED)) {
        StartResult result = start_by_clone(plan);
        if (result || !is_unsupported(result.failure())) return result;
        // EINVAL may come from this process's namespaces, which can change.
        if (result.failure().code != EINVAL) {
            __atomic_store_n(&clone_engine_works, false, __ATOMIC_RELAXED);
        }
    }
    return start_by_fork(plan);
}

/// Starts a child from the thread that lives as long as the process, since the kernel
/// ties its life to the thread that makes it. The program starts with the caller's signal
/// mask.
[[nodiscard]] inline StartResult start_in_lasting_thread(Plan plan) {
    struct Work {
        Plan& plan;
        StartResult result;
    };
    plan.sets_signal_mask = true;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &plan.signal_mask);
    Work work{plan, Failure{Step::die_with_parent, EAGAIN}};
    const auto done = posix::platform::run_in_lasting_thread(
        [](void* argument) noexcept {
            auto& todo = *static_cast<Work*>(argument);
            todo.result = start_here(todo.plan);
        },
        &work);
    if (!done) return Failure{Step::die_with_parent, done.code()};
    return std::move(work.result);
}

}  // namespace detail

/// Starts a child, in the fastest way that the kernel has.
///
/// Returns when the program is running, or is known not to be: then the child is gone and
/// reaped, and the `Failure` says which step failed and why. Allocates nothing, throws
/// nothing, and leaves the caller's signal mask, handlers and descriptors as they were.
/// (Only the first start of a child that is to die with this process makes a thread.)
///
/// Threads: any number at once; there is no lock on the way.
[[nodiscard]] inline StartResult start(const Plan& plan) {
    return plan.dies_with_parent ? detail::start_in_lasting_thread(plan)
                                 : detail::start_here(plan);
}

}  // namespace pyproc::spawn
