// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

#include <signal.h>
#include <sys/types.h>

#include "pyproc/spawn/fd_moves.hpp"
#include "pyproc/spawn/limit.hpp"

namespace pyproc::spawn {

/// All that a child does between being made and running its program, as plain numbers and
/// pointers. Nothing in it owns memory: what it points into must outlive the start.
struct Plan {
    const char* const* argv = nullptr;
    const char* const* envp = nullptr;

    /// Files to try to execute, in this order; ends with a null pointer.
    const char* const* candidates = nullptr;

    const char* directory = nullptr;  ///< null: stay

    FdMoves moves = {};

    /// Descriptors above 2 that the program keeps, ascending.
    const int* passed = nullptr;
    int passed_count = 0;

    /// Whether it is `preexec` that opens them, and lets them survive the exec.
    bool passes_by_preexec = false;

    bool closes_descriptors = true;

    /// One past the highest descriptor that the child reads from the table it was given.
    int table_end = standard_count;

    /// The same, but for sources of standard streams whose numbers are so high that it is
    /// quicker to fetch them than to copy all that lies below.
    int near_end = standard_count;

    /// For each standard stream a name in /proc by which its source, a pipe of ours with
    /// such a number, can be opened again; else null.
    const char* far_pipes[standard_count] = {};

    /// Whether the child's table is to end at `near_end`, and the sources from there on
    /// are fetched.
    bool fetches_far = false;

    /// Whether they can be had by pidfd: not if the thread that starts the child has
    /// other descriptors than its process.
    bool fetches_by_pidfd = false;

    /// One past the highest descriptor that could be open, for kernels without
    /// close_range.
    int descriptor_limit = 0;

    bool changes_umask = false;
    mode_t umask = 0;

    bool restores_signals = true;
    bool starts_session = false;

    bool joins_group = false;
    pid_t group = 0;

    const Limit* limits = nullptr;
    int limit_count = 0;

    bool sets_groups = false;
    const gid_t* groups = nullptr;
    int group_count = 0;

    bool changes_group = false;
    gid_t group_id = 0;

    bool changes_user = false;
    uid_t user_id = 0;

    /// Called in the child, which then must be one that shares no memory, before it
    /// closes descriptors; null for none. @return Whether to go on; if not, `errno` says
    /// why, unless it is untouched.
    bool (*preexec)(const void* argument) noexcept = nullptr;
    const void* preexec_argument = nullptr;

    /// The process that starts the child, where that must be known: for what is fetched
    /// from it, and for a child that dies with it.
    pid_t parent = 0;

    /// Whether the child is killed when `parent` ends.
    bool dies_with_parent = false;

    /// Whether the program is to start with `signal_mask`, and not with that of the
    /// thread that makes the child.
    bool sets_signal_mask = false;
    sigset_t signal_mask = {};

    /// Whether the child begins with the caller's signal handlers still set.
    bool inherits_handlers = false;

    /// Close-on-exec descriptor that a failure is written to by a child that does not
    /// share its parent's memory; -1 if there is none.
    int report = -1;

    /// Whether the child's descriptor table is the caller's own until it is unshared.
    bool shares_table = false;
};
static_assert(
    std::is_trivially_copyable_v<Plan> && std::is_trivially_destructible_v<Plan> &&
        std::is_standard_layout_v<Plan>,
    "the child, which may share its parent's memory, must have nothing to undo");

}  // namespace pyproc::spawn
