// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "pyproc/errors.hpp"

namespace pyproc::spawn {

/// The steps of a start, in order; the first is the parent's, the rest are the child's.
enum class Step : int {
    make_child,
    enter_directory,
    close_descriptors,
    reach_descriptors,
    redirect,
    pass_descriptors,
    new_session,
    join_group,
    set_limit,
    set_groups,
    set_group,
    set_user,
    preexec,
    die_with_parent,
    execute,
};

/// Why a child did not come to run its program.
struct Failure {
    Step at;
    int code;  ///< `errno` of the step that failed
};
static_assert(std::is_trivially_copyable_v<Failure> && sizeof(Failure) <= 512,
              "sent by one write, which POSIX makes atomic up to 512 bytes (PIPE_BUF)");

/// What could not be done, with the system call's name.
[[nodiscard]] constexpr std::string_view describe(Step step) noexcept {
    switch (step) {
        case Step::make_child: return "cannot make a process (clone)";
        case Step::close_descriptors: return "cannot close descriptors (close_range)";
        case Step::reach_descriptors:
            return "cannot reach the caller's descriptors (pidfd_getfd)";
        case Step::redirect: return "cannot connect the standard streams (dup2)";
        case Step::pass_descriptors: return "cannot pass a descriptor on (fcntl)";
        case Step::enter_directory: return "cannot enter the working directory (chdir)";
        case Step::new_session: return "cannot start a session (setsid)";
        case Step::join_group: return "cannot join the process group (setpgid)";
        case Step::set_limit: return "cannot set a limit (setrlimit)";
        case Step::set_groups: return "cannot set the extra groups (setgroups)";
        case Step::set_group: return "cannot become the group (setgid)";
        case Step::set_user: return "cannot become the user (setuid)";
        case Step::preexec: return "the preexec function failed";
        case Step::die_with_parent: return "cannot tie its life to ours (prctl)";
        case Step::execute: return "cannot execute the program (execve)";
    }
    return "cannot start the program";
}

}  // namespace pyproc::spawn
