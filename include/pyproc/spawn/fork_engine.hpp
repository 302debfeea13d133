// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <climits>
#include <cstdlib>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/spawn/child.hpp"
#include "pyproc/spawn/clone_engine.hpp"
#include "pyproc/spawn/failure.hpp"
#include "pyproc/spawn/plan.hpp"

namespace pyproc::spawn {

/// What a child made by fork or vfork does; it never returns.
[[noreturn]] inline void run_in_fork(const Plan& plan) noexcept {
    const Failure failure = run_plan(plan);
    // Below PIPE_BUF, so it comes whole or not at all; nobody is left to tell if it
    // fails.
    const ssize_t written = ::write(plan.report, &failure, sizeof failure);
    static_cast<void>(written);
    posix::platform::exit_now(127);
}

/// Whether nothing that `plan` asks for would reach the parent from a child that has its
/// memory.
[[nodiscard]] inline bool may_share_memory(const Plan& plan) noexcept {
    const bool changes_ids = plan.sets_groups || plan.changes_group || plan.changes_user;
    return plan.preexec == nullptr &&
           (posix::platform::may_change_ids_in_shared_memory || !changes_ids);
}

/// Makes the child: by vfork, which copies no page tables, else by fork where a kernel
/// refuses vfork (in a process that has changed its pid namespace), or where the memory
/// must not be shared.
///
/// Kept out of line: a vfork child runs in this very frame, which must hold nothing of
/// the caller's.
[[gnu::noinline]] inline pid_t fork_and_run(const Plan& plan) noexcept {
    if (may_share_memory(plan)) {
        // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): it only runs a plan
        const pid_t pid = ::vfork();
        if (pid == 0) run_in_fork(plan);
        if (pid > 0 || errno == EAGAIN || errno == ENOMEM) return pid;
    }
    const pid_t pid = ::fork();
    if (pid == 0) run_in_fork(plan);
    return pid;
}

/// One past the highest descriptor that is open in this process, with room for some that
/// other threads may open before the child is made.
///
/// The limit on their number is no answer: it may be a thousand million, or lower than
/// that of a descriptor opened before it was lowered. It is the last resort of a system
/// without /dev/fd.
[[nodiscard]] inline int descriptor_limit() {
    constexpr int room = 1024;
    int highest = -1;
    if (DIR* const directory = ::opendir("/dev/fd")) {
        while (const dirent* const entry = ::readdir(directory)) {
            const int fd = std::atoi(entry->d_name);  // 0 for "." and ".."
            if (fd > highest) highest = fd;
        }
        ::closedir(directory);
    }
    if (highest > STDERR_FILENO) return highest + room;
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return INT_MAX;
    return limit.rlim_cur > INT_MAX ? INT_MAX : static_cast<int>(limit.rlim_cur);
}

/// A pidfd for a child that was made without one; empty where there are none, and if by
/// now the number may be a stranger's, because something else has reaped the child.
[[nodiscard]] inline posix::UniqueFd open_pidfd_of_child(pid_t pid) noexcept {
    auto pidfd = posix::platform::pidfd_open(pid);
    if (!pidfd) return {};
    siginfo_t info{};
    rusage usage{};
    const auto seen = posix::platform::pidfd_wait(
        pidfd->get(), WEXITED | WNOHANG | WNOWAIT, info, usage);
    if (!seen) return {};
    return posix::lift_if_possible(std::move(*pidfd));
}

/// Moves the descriptor that reports a failure off the numbers that `preexec` is to open:
/// it would be replaced there, and the failure be written to what took its place.
[[nodiscard]] inline posix::Result<posix::UniqueFd> move_off_passed(
    const Plan& plan, posix::UniqueFd report) noexcept {
    for (int i = 0; i < plan.passed_count && plan.passes_by_preexec; ++i) {
        if (plan.passed[i] != report.get()) continue;
        const int moved = ::fcntl(report.get(), F_DUPFD_CLOEXEC, report.get() + 1);
        if (moved < 0) return posix::Error{errno == EINVAL ? EMFILE : errno};
        report.reset(moved);
    }
    return report;
}

/// Starts a child with POSIX alone.
///
/// A failure comes back through a pipe and not through shared memory, because some
/// systems, emulators and tools turn vfork into fork.
///
/// Source: vfork(2), and CPython's _posixsubprocess for what a vfork child may do.
[[nodiscard]] inline StartResult start_by_fork(Plan plan) {
    namespace sys = posix::platform;
    auto report = posix::make_pipe();
    if (!report) return Failure{Step::make_child, report.code()};
    auto moved = move_off_passed(plan, std::move(report->write_end));
    if (!moved) return Failure{Step::make_child, moved.code()};
    report->write_end = std::move(*moved);
    plan.report = report->write_end.get();
    plan.descriptor_limit = descriptor_limit();
    plan.inherits_handlers = true;
    plan.shares_table = false;

    // A handler of the caller's, which a vfork child still has, would run in the caller's
    // memory.
    sigset_t before;
    sys::block_all_signals(before);
    if (!plan.sets_signal_mask) plan.signal_mask = before;
    plan.sets_signal_mask = true;
    const pid_t pid = fork_and_run(plan);
    const int code = errno;
    sys::change_signal_mask(&before, nullptr);

    if (pid < 0) return Failure{Step::make_child, code};
    report->write_end.reset();
    Failure failure{};
    const auto got = posix::read_some(report->read_end.get(),
                                      reinterpret_cast<char*>(&failure), sizeof failure);
    if (got && *got == sizeof failure) {
        reap_failed(pid);
        return failure;
    }
    // Nobody can say now whether the program runs, so it must not.
    if (!got && ::kill(pid, SIGKILL) == 0) {
        reap_failed(pid);
        return Failure{Step::make_child, got.code()};
    }
    return Started{pid, open_pidfd_of_child(pid)};
}

}  // namespace pyproc::spawn
