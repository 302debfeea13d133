// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <time.h>

#include "pyproc/posix/linux/system_call.hpp"

/// The system calls of a child that has not yet executed its program, each made directly.
///
/// A child that shares its parent's memory must not go through the C library: set*id and
/// setgroups would signal the parent's threads, errno is the parent's, and a sanitizer's
/// interceptor would write down what the child does as done by the parent. All return 0
/// (or a descriptor) or minus an errno.
namespace pyproc::posix::platform {

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// Whether a child that shares its parent's memory may change its ids: these calls ask
/// the kernel alone.
inline constexpr bool may_change_ids_in_shared_memory = true;

/// What the kernel takes as the size of a signal set, which is less than glibc's.
inline constexpr long kernel_sigset_size = _NSIG / 8;

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
change_signal_mask(const sigset_t* to, sigset_t* before) noexcept {
    return system_call(SYS_rt_sigprocmask, SIG_SETMASK, address(to), address(before),
                       kernel_sigset_size);
}

/// Blocks every signal in the calling thread, those that the C library keeps for itself
/// included: one of these handled by a child would act on the parent's memory.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
block_all_signals(sigset_t& before) noexcept {
    sigset_t all;
    auto* const words = reinterpret_cast<unsigned long*>(&all);
    for (std::size_t i = 0; i < sizeof all / sizeof *words; ++i) words[i] = ~0UL;
    change_signal_mask(&all, &before);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
reset_signal_action(int signal) noexcept {
    // The kernel's struct sigaction begins with the handler; SIG_DFL and all else is 0.
    const unsigned long default_action[8] = {};
    return system_call(SYS_rt_sigaction, signal, address(default_action), 0,
                       kernel_sigset_size);
}

/// Sets a signal that has a handler back to its default action; one that is ignored stays
/// ignored, as execve(2) leaves it.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void reset_handler(
    int signal) noexcept {
    unsigned long action[8] = {};
    const long result =
        system_call(SYS_rt_sigaction, signal, 0, address(action), kernel_sigset_size);
    const bool has_handler = result == 0 && action[0] > 1;  // 0: SIG_DFL, 1: SIG_IGN
    if (has_handler) reset_signal_action(signal);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long put_descriptor(
    int from, int to) noexcept {
    return system_call(SYS_dup3, from, to, 0);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
save_descriptor(int fd) noexcept {
    return system_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
keep_open_on_exec(int fd) noexcept {
    return system_call(SYS_fcntl, fd, F_SETFD, 0);
}

/// The process whose child the calling one is; 0 for one in another pid namespace.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline pid_t
parent_of_caller() noexcept {
    return static_cast<pid_t>(system_call(SYS_getppid));
}

/// A close-on-exec pidfd of a process. Source: pidfd_open(2), Linux 5.3.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long open_pidfd(
    pid_t pid) noexcept {
    constexpr long pidfd_open_call = 434;
    return system_call(pidfd_open_call, pid, 0);
}

/// A close-on-exec duplicate of another process's descriptor.
///
/// Source: pidfd_getfd(2), Linux 5.6.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
fetch_descriptor(int pidfd, int fd) noexcept {
    constexpr long pidfd_getfd_call = 438;
    return system_call(pidfd_getfd_call, pidfd, fd, 0);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long open_file_now(
    const char* path, int flags) noexcept {
    return system_call(SYS_openat, AT_FDCWD, address(path), flags | O_CLOEXEC);
}

/// Makes the descriptor table the caller's own, without the descriptors from `first` on,
/// which are not even copied.
///
/// Source: close_range(2), Linux 5.9.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
unshare_descriptors_below(int first) noexcept {
    constexpr long close_range_number = 436;
    constexpr long unshare = 2;
    return system_call(close_range_number, first, ~0U, unshare);
}

/// Closes the descriptors from `first` to `last`; `limit` is one past the highest that
/// the process could have opened, for kernels that must be asked about each one.
///
/// Source: close_range(2), Linux 5.9; before it poll(2), which tells a thousand numbers
///         at a time which of them are open, and unlike opendir(3) allocates nothing.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
close_descriptors(int first, int last, int limit) noexcept {
    constexpr long close_range_number = 436;
    if (first > last) return;
    if (system_call(close_range_number, first, last, 0) == 0) return;
    if (last >= limit) last = limit - 1;
    while (first <= last) {
        // poll refuses more than RLIMIT_NOFILE entries; then each is just closed.
        constexpr int batch = 256;
        pollfd entries[batch];
        int count = 0;
        for (; count < batch && first + count <= last; ++count) {
            entries[count] = {.fd = first + count, .events = 0, .revents = 0};
        }
        const timespec at_once{};
        const long answer =
            system_call(SYS_ppoll, address(entries), count, address(&at_once), 0);
        for (int i = 0; i < count; ++i) {
            if (answer >= 0 && (entries[i].revents & POLLNVAL) != 0) continue;
            system_call(SYS_close, entries[i].fd);
        }
        first += count;
    }
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
change_directory(const char* path) noexcept {
    return system_call(SYS_chdir, address(path));
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline void change_umask(
    mode_t mask) noexcept {
    system_call(SYS_umask, static_cast<long>(mask));
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
start_session() noexcept {
    return system_call(SYS_setsid);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
join_process_group(pid_t group) noexcept {
    return system_call(SYS_setpgid, 0, group);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long set_limit(
    int resource, const rlimit& limit) noexcept {
    return system_call(SYS_prlimit64, 0, resource, address(&limit), 0);
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long set_groups(
    int count, const gid_t* groups) noexcept {
    return system_call(SYS_setgroups, count, address(groups));
}

/// Real, effective and saved alike.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long set_group(
    gid_t group) noexcept {
    const auto id = static_cast<long>(group);
    return system_call(SYS_setresgid, id, id, id);
}

/// Real, effective and saved alike, so that there is no way back.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long set_user(
    uid_t user) noexcept {
    const auto id = static_cast<long>(user);
    return system_call(SYS_setresuid, id, id, id);
}

/// Has the kernel kill the calling process when the thread that made it ends; at once if
/// `parent`, the process of that thread, has ended already.
///
/// Source: PR_SET_PDEATHSIG in prctl(2), which names what makes the kernel forget it: a
///         change of ids, and the execution of a program that has some of its own.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
die_with_parent(pid_t parent) noexcept {
    constexpr long set_parent_death_signal = 1;
    const long result = system_call(SYS_prctl, set_parent_death_signal, SIGKILL);
    // 0: a parent in another pid namespace, of which nothing can be said.
    const pid_t now = parent_of_caller();
    if (now != parent && now != 0) {
        system_call(SYS_kill, system_call(SYS_getpid), SIGKILL);
    }
    return result;
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline long execute(
    const char* path, const char* const* argv, const char* const* envp) noexcept {
    return system_call(SYS_execve, address(path), address(argv), address(envp));
}

/// Ends the calling process: no atexit handler, no destructor, no buffer written.
[[noreturn]] __attribute__((no_sanitize("address", "thread", "undefined"))) inline void
exit_now(int code) noexcept {
    for (;;) system_call(SYS_exit_group, code);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

}  // namespace pyproc::posix::platform
