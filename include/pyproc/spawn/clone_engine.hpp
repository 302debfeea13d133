// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <utility>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/spawn/child.hpp"
#include "pyproc/spawn/failure.hpp"
#include "pyproc/spawn/plan.hpp"

namespace pyproc::spawn {

/// A child that runs its program.
struct Started {
    pid_t pid;
    posix::UniqueFd pidfd;  ///< empty where the kernel has none
};

/// The child, or what kept it from running. (A `std::variant` would say the same and take
/// the compiler longer than all the rest of this folder.)
class [[nodiscard]] StartResult {
public:
    StartResult(Started started) noexcept : started_{std::move(started)} {}
    StartResult(Failure failure) noexcept : failure_{failure}, has_failed_{true} {}

    [[nodiscard]] explicit operator bool() const noexcept { return !has_failed_; }

    /// The child. Only if there is one.
    [[nodiscard]] Started& operator*() noexcept { return started_; }
    [[nodiscard]] Started* operator->() noexcept { return &started_; }

    /// What went wrong. Only if something did.
    [[nodiscard]] const Failure& failure() const noexcept { return failure_; }

private:
    Started started_{.pid = -1, .pidfd = {}};
    Failure failure_{};
    bool has_failed_ = false;
};

/// What the parent and its clone, which have one memory, say to each other.
struct CloneTalk {
    const Plan& plan;
    Failure failure;
    bool has_failed;
};

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

__attribute__((no_sanitize("address", "thread", "undefined"))) inline void run_in_clone(
    void* argument) noexcept {
    auto& talk = *static_cast<CloneTalk*>(argument);
    talk.failure = run_plan(talk.plan);
    talk.has_failed = true;
    posix::platform::exit_now(127);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

/// Whether `failure` says that the kernel, or a sandbox, lacks what this engine stands
/// on.
[[nodiscard]] inline bool is_unsupported(const Failure& failure) noexcept {
    const bool by_clone =
        failure.at == Step::make_child || failure.at == Step::close_descriptors;
    return by_clone &&
           (failure.code == ENOSYS || failure.code == EPERM || failure.code == EINVAL);
}

/// Whether `failure` came of leaving a descriptor where it was, to be fetched.
[[nodiscard]] inline bool is_out_of_reach(const Failure& failure) noexcept {
    return failure.at == Step::reach_descriptors;
}

/// Reaps a child that has given up. By number: nobody else knows of it, and this is the
/// call that every kernel and sandbox has.
inline void reap_failed(pid_t pid) noexcept {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
}

/// Makes a clone carry `plan` out as it is.
///
/// No signal is blocked meanwhile: the caller's thread sleeps in the kernel, and the
/// child has no handler from its first moment on, so that none can run in the shared
/// memory.
[[nodiscard]] inline StartResult clone_for(const Plan& plan) noexcept {
    namespace sys = posix::platform;
    const auto table =
        plan.shares_table ? sys::DescriptorTable::shared : sys::DescriptorTable::copied;
    CloneTalk talk{plan, {}, false};
    auto cloned = sys::clone_and_run(table, run_in_clone, &talk);
    if (!cloned) return Failure{Step::make_child, cloned.code()};
    posix::UniqueFd pidfd{cloned->pidfd};
    if (talk.has_failed) {
        reap_failed(cloned->pid);
        return talk.failure;
    }
    return Started{cloned->pid, posix::lift_if_possible(std::move(pidfd))};
}

/// Starts a child by clone3: in the caller's memory, so at the same cost from a program
/// of any size, and with a descriptor table that takes from the caller's only what the
/// child keeps, so at the same cost however many descriptors are open.
///
/// A pipe whose number is high, because many descriptors are open, would have a table of
/// that length copied for it. It is left out and fetched instead, unless the system
/// refuses that.
///
/// Source: clone(2), close_range(2), pidfd_getfd(2). Linux 5.9.
[[nodiscard]] inline StartResult start_by_clone(Plan plan) noexcept {
    plan.shares_table = plan.closes_descriptors;
    if (plan.shares_table && plan.near_end < plan.table_end) {
        Plan reaching = plan;
        reaching.fetches_far = true;
        reaching.fetches_by_pidfd = posix::platform::has_descriptors_of_process();
        reaching.parent = ::getpid();
        StartResult result = clone_for(reaching);
        if (result || !is_out_of_reach(result.failure())) return result;
    }
    return clone_for(plan);
}

}  // namespace pyproc::spawn
