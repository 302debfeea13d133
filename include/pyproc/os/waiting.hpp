// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <string>

#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/rusage.hpp"

namespace pyproc::os {

/// Which child has changed, and how. Python's is a tuple: `auto [pid, status] = …`.
struct Waited {
    pid_t pid;   ///< 0 if none has, under WNOHANG
    int status;  ///< for WIFEXITED and its like, or `waitstatus_to_exitcode`
};

/// As `Waited`, with what the child has used up: `auto [pid, status, rusage] = …`.
struct WaitedWithRusage {
    pid_t pid;
    int status;
    posix::Rusage rusage;
};

/// Waits until a child has ended, and takes its status: the next wait for it fails.
///
/// Starts over when a signal handler interrupts it.
///
/// @param pid      A child; -1 for any, 0 for any of the caller's process group, -n for
///                 any of process group n.
/// @param options  0; or WNOHANG not to wait, WUNTRACED and WCONTINUED to be told of
///                 children that were stopped and continued, together with `|`.
/// @throws ChildProcessError  There is no such child, or it has been waited for, or
///                            SIGCHLD is ignored, so that children leave no status.
/// @throws OSError            EINVAL: no such option.
///
/// Threads: two that wait for the same child: one of them gets ChildProcessError.
/// Python:  `os.waitpid(pid, options)`, PEP 475. Source: waitpid(2).
inline Waited waitpid(pid_t pid, int options) {
    int status = 0;
    pid_t changed = 0;
    do {
        changed = ::waitpid(pid, &status, options);
    } while (changed < 0 && errno == EINTR);
    if (changed < 0) throw_os_error(errno, "waitpid");
    return {.pid = changed, .status = status};
}

/// As `waitpid`, and tells what the child and the descendants it waited for have used up.
///
/// Python: `os.wait4(pid, options)`, PEP 475. Source: wait4(2).
inline WaitedWithRusage wait4(pid_t pid, int options) {
    int status = 0;
    ::rusage usage{};
    pid_t changed = 0;
    do {
        changed = ::wait4(pid, &status, options, &usage);
    } while (changed < 0 && errno == EINTR);
    if (changed < 0) throw_os_error(errno, "wait4");
    return {.pid = changed, .status = status, .rusage = posix::to_rusage(usage)};
}

/// The exit code of a child that has ended, from the status that `waitpid` gives.
///
/// @return The exit code, or minus the number of the signal that ended the child.
/// @throws ValueError  The child has not ended: it was stopped or continued; or no system
///                     call gives such a status.
///
/// Python: `os.waitstatus_to_exitcode(status)`. Source: wait(2).
[[nodiscard]] inline int waitstatus_to_exitcode(int status) {
    if (WIFEXITED(status)) return WEXITSTATUS(status);
    if (WIFSIGNALED(status)) return -WTERMSIG(status);
    if (WIFSTOPPED(status)) {
        throw ValueError{"process stopped by delivery of signal " +
                         std::to_string(WSTOPSIG(status))};
    }
    throw ValueError{"invalid wait status: " + std::to_string(status)};
}

/// A descriptor that stands for a process, whatever becomes of its number. It polls
/// readable once the process has ended.
///
/// @param flags  0 or PIDFD_NONBLOCK.
/// @return Close-on-exec; the caller closes it.
/// @throws ProcessLookupError  There is no such process.
/// @throws OSError             EINVAL: no such flag, or `pid` is not positive. ENOSYS:
///                             this system has no such descriptors.
///
/// Python: `os.pidfd_open(pid, flags=0)`. Source: pidfd_open(2), Linux 5.3.
[[nodiscard]] inline int pidfd_open(pid_t pid, unsigned flags = 0) {
    return posix::platform::pidfd_open(pid, flags).or_throw("pidfd_open").release();
}

}  // namespace pyproc::os
