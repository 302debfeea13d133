// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>

#include <sched.h>
#include <sys/types.h>

#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// Forks a child of the caller's parent: a brother, for whom the parent waits as if it
/// had forked him itself. The parent gets the signal at his end that it gets at the
/// caller's.
///
/// Only for a process with one thread. No handler of pthread_atfork is called.
///
/// @return 0 in the brother; his pid in the caller. ENOSYS where the C library keeps its
///         number of the thread where it can't be found, EINVAL and EPERM where the
///         kernel or a sandbox refuses.
/// Source: CLONE_PARENT in clone(2); PR_GET_TID_ADDRESS in prctl(2).
[[nodiscard]] inline Result<pid_t> fork_sibling() noexcept {
    // glibc has no fork that takes flags. Its own has the kernel write the child's number
    // into the thread's descriptor, for raise and mutexes; where that is the kernel
    // knows.
    constexpr long get_tid_address = 40;
    pid_t* number = nullptr;
    const long found = system_call(SYS_prctl, get_tid_address, address(&number));
    if (found != 0 || number == nullptr || *number != system_call(SYS_gettid)) {
        return Error{ENOSYS};
    }
    void* robust_mutexes = nullptr;
    std::size_t size = 0;
    const long listed =
        system_call(SYS_get_robust_list, 0, address(&robust_mutexes), address(&size));

    constexpr long flags = CLONE_PARENT | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
#if defined(__x86_64__)
    const long pid = system_call(SYS_clone, flags, 0, 0, address(number), 0);
#else
    const long pid = system_call(SYS_clone, flags, 0, 0, 0, address(number));
#endif
    if (pid < 0) return Error{static_cast<int>(-pid)};
    // The kernel forgets it at a fork; without it the child's robust mutexes are not.
    if (pid == 0 && listed == 0) {
        system_call(SYS_set_robust_list, address(robust_mutexes),
                    static_cast<long>(size));
    }
    return static_cast<pid_t>(pid);
}

}  // namespace pyproc::posix::platform
