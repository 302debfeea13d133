// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <climits>
#include <csignal>

#include <fcntl.h>
#include <signal.h>

#include "pyproc/posix/platform.hpp"
#include "pyproc/spawn/failure.hpp"
#include "pyproc/spawn/plan.hpp"

/// What runs between clone and exec: a loop over plain integers and pointers that makes
/// system calls and does nothing else. It may be running in its parent's memory, beside
/// the parent's other threads, so it allocates nothing, locks nothing and throws nothing.
namespace pyproc::spawn {

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// Gets a descriptor of the parent's that the child's own table was made without.
///
/// By pidfd_getfd, which asks for the right to trace the parent, and Yama may give that
/// to nobody; a pipe then by its name in /proc, which asks for less. That makes another
/// open file of it, so it is no way to a descriptor that the caller shares with others.
///
/// @param parent  A pidfd of the parent, or minus an errno.
/// @param stream  The standard descriptor it is for.
/// @return Its number here, above the standard ones, or minus an errno.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
fetch_descriptor(const Plan& plan, long parent, int fd, int stream) noexcept {
    namespace sys = posix::platform;
    long fetched = parent;
    if (parent >= 0) fetched = sys::fetch_descriptor(static_cast<int>(parent), fd);
    const char* const name = plan.far_pipes[stream];
    if (fetched < 0 && name != nullptr) {
        fetched = sys::open_file_now(name, stream == 0 ? O_RDONLY : O_WRONLY);
    }
    if (fetched < 0 || fetched >= standard_count) return fetched;
    return sys::save_descriptor(static_cast<int>(fetched));
}

/// Fetches the sources that the child's table was made without, all before any standard
/// descriptor is overwritten, since one that is closed may be the number that is given.
///
/// @param moves  Gets their numbers here in place of those in the parent.
/// @return 0 or an errno: ESRCH if the parent has been killed meanwhile.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline int fetch_sources(
    const Plan& plan, FdMoves& moves) noexcept {
    namespace sys = posix::platform;
    const long parent = plan.fetches_by_pidfd ? sys::open_pidfd(plan.parent) : -ENOSYS;
    for (int i = 0; i < moves.count; ++i) {
        FdMove& move = moves.steps[i];
        if (move.from < plan.near_end) continue;
        const long fetched = fetch_descriptor(plan, parent, move.from, move.to);
        if (fetched < 0) return static_cast<int>(-fetched);
        move.from = static_cast<int>(fetched);
    }
    // Only now is it certain whose they are: had it ended, its number might have become
    // that of a stranger.
    return sys::parent_of_caller() == plan.parent ? 0 : ESRCH;
}

/// Whether the sources from `near_end` on are to be fetched. Not from another pid
/// namespace than the parent's: a child that failed there would have been its first
/// process, and have taken it along.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline bool will_fetch(
    const Plan& plan) noexcept {
    return plan.fetches_far && posix::platform::parent_of_caller() == plan.parent;
}

/// Connects the standard descriptors. @return 0 or an errno.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline int
connect_standard(const FdMoves& moves) noexcept {
    namespace sys = posix::platform;
    long saved = -1;
    for (int i = 0; i < moves.count; ++i) {
        const FdMove& move = moves.steps[i];
        long result = 0;
        switch (move.kind) {
            case FdMove::Kind::put:
                result = sys::put_descriptor(move.from, move.to);
                break;
            case FdMove::Kind::keep: result = sys::keep_open_on_exec(move.to); break;
            case FdMove::Kind::save:
                result = saved = sys::save_descriptor(move.from);
                break;
            case FdMove::Kind::fetch:
                result = sys::put_descriptor(static_cast<int>(saved), move.to);
                break;
        }
        if (result < 0) return static_cast<int>(-result);
    }
    return 0;
}

/// Closes the descriptors from `first` to `last`, but not the one that reports a failure.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
close_all_but_report(const Plan& plan, int first, int last) noexcept {
    namespace sys = posix::platform;
    const bool has_report_within = first <= plan.report && plan.report <= last;
    if (has_report_within) {
        sys::close_descriptors(first, plan.report - 1, plan.descriptor_limit);
        first = plan.report + 1;
    }
    sys::close_descriptors(first, last, plan.descriptor_limit);
}

/// Closes what lies between the descriptors that are passed on, and above them.
///
/// @param table_end  Where an unshared table ends.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
close_all_but_passed(const Plan& plan, int table_end) noexcept {
    int first = standard_count;
    for (int i = 0; i < plan.passed_count; ++i) {
        close_all_but_report(plan, first, plan.passed[i] - 1);
        first = plan.passed[i] + 1;
    }
    // An unshared table ends where the child's needs did; nothing may lie above that.
    const bool ends_here = plan.shares_table && first >= table_end;
    if (!ends_here) close_all_but_report(plan, first, INT_MAX);
}

/// Gives the signals the actions and the mask that the program is to start with.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void set_up_signals(
    const Plan& plan) noexcept {
    namespace sys = posix::platform;
    if (plan.inherits_handlers) {
        // execve will reset them, but a signal that arrives before it must not run a
        // handler of the parent's: so before any signal is unblocked.
        for (int signal = 1; signal < NSIG; ++signal) sys::reset_handler(signal);
    }
    if (plan.restores_signals) {
        sys::reset_signal_action(SIGPIPE);
        sys::reset_signal_action(SIGXFSZ);
    }
    if (plan.sets_signal_mask) sys::change_signal_mask(&plan.signal_mask, nullptr);
}

/// Executes the first candidate that can be.
///
/// A file that is missing does not end the search along PATH, and one that may not be
/// executed does not either, but is what is reported if none is found, as CPython does
/// it.
///
/// @return The errno that says why no candidate could be executed.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline int execute_first(
    const Plan& plan) noexcept {
    namespace sys = posix::platform;
    int code = ENOENT;
    bool has_reason = false;
    for (const char* const* path = plan.candidates; *path != nullptr; ++path) {
        const int now = static_cast<int>(-sys::execute(*path, plan.argv, plan.envp));
        if (!has_reason) code = now;
        if (now != ENOENT && now != ENOTDIR) has_reason = true;
    }
    return code;
}

/// Sets the limits, and last the ids: until then the child may do what its caller may.
///
/// @return The step that failed, and why; 0 for the errno if none did.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline Failure
drop_privileges(const Plan& plan) noexcept {
    namespace sys = posix::platform;
    for (int i = 0; i < plan.limit_count; ++i) {
        const Limit& limit = plan.limits[i];
        const long result = sys::set_limit(limit.resource, limit.value);
        if (result < 0) return {Step::set_limit, static_cast<int>(-result)};
    }
    if (plan.sets_groups) {
        const long result = sys::set_groups(plan.group_count, plan.groups);
        if (result < 0) return {Step::set_groups, static_cast<int>(-result)};
    }
    if (plan.changes_group) {
        const long result = sys::set_group(plan.group_id);
        if (result < 0) return {Step::set_group, static_cast<int>(-result)};
    }
    if (plan.changes_user) {
        const long result = sys::set_user(plan.user_id);
        if (result < 0) return {Step::set_user, static_cast<int>(-result)};
    }
    return {Step::execute, 0};
}

/// Carries `plan` out and, unless something fails, never returns.
///
/// @return The step that failed, and why.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline Failure run_plan(
    const Plan& plan) noexcept {
    namespace sys = posix::platform;
    // First, while a path like /dev/fd/5 still means the caller's descriptor.
    if (plan.directory != nullptr) {
        const long result = sys::change_directory(plan.directory);
        if (result < 0) return {Step::enter_directory, static_cast<int>(-result)};
    }
    const bool fetches = will_fetch(plan);
    const int table_end = fetches ? plan.near_end : plan.table_end;
    if (plan.shares_table) {
        // Before anything else that touches one: each descriptor is still the parent's
        // own.
        const long result = sys::unshare_descriptors_below(table_end);
        if (result < 0) return {Step::close_descriptors, static_cast<int>(-result)};
    }
    FdMoves moves = plan.moves;
    if (fetches) {
        const int code = fetch_sources(plan, moves);
        if (code != 0) return {Step::reach_descriptors, code};
    }
    if (const int code = connect_standard(moves); code != 0) {
        return {Step::redirect, code};
    }
    for (int i = 0; i < plan.passed_count && !plan.passes_by_preexec; ++i) {
        const long result = sys::keep_open_on_exec(plan.passed[i]);
        if (result < 0) return {Step::pass_descriptors, static_cast<int>(-result)};
    }
    if (plan.changes_umask) sys::change_umask(plan.umask);
    if (plan.starts_session) {
        const long result = sys::start_session();
        if (result < 0) return {Step::new_session, static_cast<int>(-result)};
    }
    if (plan.joins_group) {
        const long result = sys::join_process_group(plan.group);
        if (result < 0) return {Step::join_group, static_cast<int>(-result)};
    }
    const Failure dropping = drop_privileges(plan);
    if (dropping.code != 0) return dropping;
    set_up_signals(plan);
    if (plan.preexec != nullptr) {
        errno = ECANCELED;
        if (!plan.preexec(plan.preexec_argument)) return {Step::preexec, errno};
    }
    // After what the caller runs here, which may have opened some.
    if (plan.closes_descriptors) close_all_but_passed(plan, table_end);
    if (plan.dies_with_parent) {
        // After all that changes ids, which makes the kernel forget it.
        const long result = sys::die_with_parent(plan.parent);
        if (result < 0) return {Step::die_with_parent, static_cast<int>(-result)};
    }
    return {Step::execute, execute_first(plan)};
}

#ifdef __clang__
#pragma clang attribute pop
#endif

}  // namespace pyproc::spawn
