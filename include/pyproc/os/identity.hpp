// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"

namespace pyproc::os {

/// The number of this process.
///
/// Python: `os.getpid()`. Source: getpid(2).
[[nodiscard]] inline pid_t getpid() noexcept {
    return ::getpid();
}

/// The number of the parent; once that has ended, of the process that took over, 1 or a
/// subreaper.
///
/// Python: `os.getppid()`. Source: getppid(2).
[[nodiscard]] inline pid_t getppid() noexcept {
    return ::getppid();
}

/// The real user: who started this process.
///
/// Python: `os.getuid()`. Source: getuid(2).
[[nodiscard]] inline uid_t getuid() noexcept {
    return ::getuid();
}

/// The effective user: whose rights this process has.
///
/// Python: `os.geteuid()`. Source: geteuid(2).
[[nodiscard]] inline uid_t geteuid() noexcept {
    return ::geteuid();
}

/// The real group.
///
/// Python: `os.getgid()`. Source: getgid(2).
[[nodiscard]] inline gid_t getgid() noexcept {
    return ::getgid();
}

/// The effective group.
///
/// Python: `os.getegid()`. Source: getegid(2).
[[nodiscard]] inline gid_t getegid() noexcept {
    return ::getegid();
}

/// The supplementary groups, in the system's order. Whether the effective group is among
/// them differs from one login to another.
///
/// @throws OSError  The system gave no answer.
///
/// Python: `os.getgroups()`. Source: getgroups(2).
[[nodiscard]] inline std::vector<gid_t> getgroups() {
    for (;;) {
        const int expected = ::getgroups(0, nullptr);
        if (expected < 0) throw_os_error(errno, "getgroups");
        if (expected == 0) return {};
        std::vector<gid_t> groups(static_cast<std::size_t>(expected));
        const int count = ::getgroups(expected, groups.data());
        if (count >= 0) {
            groups.resize(static_cast<std::size_t>(count));
            return groups;
        }
        // EINVAL: another thread has added a group since they were counted.
        if (errno != EINVAL) throw_os_error(errno, "getgroups");
    }
}

/// The process group of a process.
///
/// @param pid  0 for this process.
/// @throws ProcessLookupError  There is no such process.
/// @throws PermissionError     It is in another session, and the system tells nobody
/// else.
///
/// Python: `os.getpgid(pid)`. Source: getpgid(2).
[[nodiscard]] inline pid_t getpgid(pid_t pid) {
    const pid_t group = ::getpgid(pid);
    if (group < 0) throw_os_error(errno, "getpgid");
    return group;
}

/// The process group of this process.
///
/// Python: `os.getpgrp()`. Source: getpgrp(2).
[[nodiscard]] inline pid_t getpgrp() noexcept {
    return ::getpgrp();
}

/// The session of a process.
///
/// @param pid  0 for this process.
/// @throws ProcessLookupError  There is no such process.
/// @throws PermissionError     It is in another session, and the system tells nobody
/// else.
///
/// Python: `os.getsid(pid)`. Source: getsid(2).
[[nodiscard]] inline pid_t getsid(pid_t pid) {
    const pid_t session = ::getsid(pid);
    if (session < 0) throw_os_error(errno, "getsid");
    return session;
}

/// Makes this process the leader of a new session and of a new process group in it,
/// without a terminal.
///
/// @throws PermissionError  It leads a process group already.
///
/// Python: `os.setsid()`. Source: setsid(2).
inline void setsid() {
    if (::setsid() < 0) throw_os_error(errno, "setsid");
}

/// Moves a process into a process group.
///
/// @param pid    This process or a child that has not executed a program; 0 for this one.
/// @param group  A group of the same session; 0 for a new one led by `pid`.
/// @throws ProcessLookupError  `pid` is neither this process nor a child.
/// @throws PermissionError     The child has executed a program (EACCES); or it leads a
///                             session, or there is no such group in its session (EPERM).
/// @throws OSError             EINVAL: `group` is negative.
///
/// Python: `os.setpgid(pid, pgrp)`. Source: setpgid(2).
inline void setpgid(pid_t pid, pid_t group) {
    if (::setpgid(pid, group) != 0) throw_os_error(errno, "setpgid");
}

}  // namespace pyproc::os
