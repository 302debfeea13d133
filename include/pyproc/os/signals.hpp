// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <signal.h>
#include <sys/types.h>

#include "pyproc/errors.hpp"

namespace pyproc::os {

/// Sends a signal to a process.
///
/// @param pid     0 for every process of the caller's group, -1 for all that it may
///                signal, -n for process group n.
/// @param signal  0 sends nothing and only asks whether it could be sent.
/// @throws ProcessLookupError  There is no such process. One that has ended and not been
///                             waited for still counts as there.
/// @throws PermissionError     It belongs to another user.
/// @throws OSError             EINVAL: there is no such signal.
///
/// A number may have passed on to a stranger; `subprocess::Popen::send_signal` cannot
/// miss.
///
/// Python: `os.kill(pid, sig)`. Source: kill(2).
inline void kill(pid_t pid, int signal) {
    if (::kill(pid, signal) != 0) throw_os_error(errno, "kill");
}

/// Sends a signal to every process of a process group.
///
/// @param group   0 for the caller's own group.
/// @param signal  0 sends nothing and only asks whether it could be sent.
/// @throws ProcessLookupError  There is no such group.
/// @throws PermissionError     None of its processes may be signalled by this user.
/// @throws OSError             EINVAL: there is no such signal, or `group` is negative.
///
/// Python: `os.killpg(pgid, sig)`. Source: killpg(3).
inline void killpg(pid_t group, int signal) {
    if (::killpg(group, signal) != 0) throw_os_error(errno, "killpg");
}

}  // namespace pyproc::os
