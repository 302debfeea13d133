// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <csignal>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/portable/child_calls.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// What a detached process runs. It must not return, and may use only `child_calls.hpp`
/// and its like: other threads of the program may have held any lock when it was made.
using DetachedEntry = void (*)(void*) noexcept;

/// Starts a copy of the calling process that belongs to nobody, as the child of a child
/// that has ended. All signals are blocked in it, and it has a process group of its own.
///
/// The program hears of the child between: by one SIGCHLD, and by a wait for any child
/// that another thread happens to be in.
///
/// @return 0: its pid is of no use.
/// Source: fork(2).
[[nodiscard]] inline Result<pid_t> start_detached(DetachedEntry entry,
                                                  void* argument) noexcept {
    sigset_t before;
    block_all_signals(before);
    const pid_t between = ::fork();
    if (between == 0) {
        ::setpgid(0, 0);  // before there is one whom a SIGKILL for the group could reach
        const pid_t detached = ::fork();
        if (detached == 0) entry(argument);
        ::_exit(detached < 0 ? errno : 0);
    }
    const int code = errno;
    change_signal_mask(&before, nullptr);
    if (between < 0) return Error{code};
    int status = 0;
    while (::waitpid(between, &status, 0) < 0) {
        if (errno != EINTR) return pid_t{0};  // something else has reaped it
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) != 0) return Error{WEXITSTATUS(status)};
    return pid_t{0};
}

/// POSIX does not tell a process what it has mapped: nothing is given up.
inline void release_inherited_memory() noexcept {}

/// There is nothing to wait for.
inline void reap_detached(pid_t) noexcept {}

}  // namespace pyproc::posix::platform
