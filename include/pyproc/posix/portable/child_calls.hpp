// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <csignal>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/// The system calls of a child that has not yet executed its program. All are named in
/// signal-safety(7), and return 0 (or a descriptor) or minus an errno.
namespace pyproc::posix::platform {

/// Whether a child that shares its parent's memory may change its ids: a C library does
/// so for every thread that it knows of, and those in this memory are the parent's.
inline constexpr bool may_change_ids_in_shared_memory = false;

inline long change_signal_mask(const sigset_t* to, sigset_t* before) noexcept {
    return -::pthread_sigmask(SIG_SETMASK, to, before);
}

inline void block_all_signals(sigset_t& before) noexcept {
    sigset_t all;
    sigfillset(&all);
    change_signal_mask(&all, &before);
}

inline long reset_signal_action(int signal) noexcept {
    struct sigaction default_action {};
    default_action.sa_handler = SIG_DFL;
    return ::sigaction(signal, &default_action, nullptr) == 0 ? 0 : -errno;
}

/// Sets a signal that has a handler back to its default action; one that is ignored stays
/// ignored, as execve(2) leaves it.
inline void reset_handler(int signal) noexcept {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) != 0) return;
    const bool has_handler =
        (action.sa_flags & SA_SIGINFO) != 0 ||
        (action.sa_handler != SIG_DFL && action.sa_handler != SIG_IGN);
    if (has_handler) reset_signal_action(signal);
}

inline long put_descriptor(int from, int to) noexcept {
    int result = -1;
    do {
        result = ::dup2(from, to);
    } while (result < 0 && errno == EINTR);
    return result < 0 ? -errno : result;
}

inline long save_descriptor(int fd) noexcept {
    const int saved = ::fcntl(fd, F_DUPFD_CLOEXEC, 3);
    return saved < 0 ? -errno : saved;
}

inline long keep_open_on_exec(int fd) noexcept {
    return ::fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
}

/// The process whose child the calling one is.
inline pid_t parent_of_caller() noexcept {
    return ::getppid();
}

/// POSIX names processes by number alone. @return -ENOSYS, always.
inline long open_pidfd(pid_t) noexcept {
    return -ENOSYS;
}

/// POSIX gives no access to another process's descriptors. @return -ENOSYS, always.
inline long fetch_descriptor(int, int) noexcept {
    return -ENOSYS;
}

inline long open_file_now(const char* path, int flags) noexcept {
    const int fd = ::open(path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/// POSIX has no shared descriptor table. @return -ENOSYS, always.
inline long unshare_descriptors_below(int) noexcept {
    return -ENOSYS;
}

/// Closes the descriptors from `first` to `last`; `limit` is one past the highest that
/// the process could have opened.
///
/// Source: poll(2) tells a few hundred numbers at a time which of them are open, so a
///         limit of a million costs some milliseconds; unlike opendir(3) it allocates
///         nothing.
inline void close_descriptors(int first, int last, int limit) noexcept {
    if (last >= limit) last = limit - 1;
    while (first <= last) {
        // poll refuses more than RLIMIT_NOFILE entries; then each is just closed.
        constexpr int batch = 256;
        pollfd entries[batch];
        int count = 0;
        for (; count < batch && first + count <= last; ++count) {
            entries[count] = {.fd = first + count, .events = 0, .revents = 0};
        }
        const int answer = ::poll(entries, static_cast<nfds_t>(count), 0);
        for (int i = 0; i < count; ++i) {
            if (answer >= 0 && (entries[i].revents & POLLNVAL) != 0) continue;
            ::close(entries[i].fd);
        }
        first += count;
    }
}

inline long change_directory(const char* path) noexcept {
    return ::chdir(path) == 0 ? 0 : -errno;
}

inline void change_umask(mode_t mask) noexcept {
    ::umask(mask);
}

inline long start_session() noexcept {
    return ::setsid() < 0 ? -errno : 0;
}

inline long join_process_group(pid_t group) noexcept {
    return ::setpgid(0, group) == 0 ? 0 : -errno;
}

inline long set_limit(int resource, const rlimit& limit) noexcept {
    // glibc's <sys/resource.h> names the resources by an enumeration in C++.
    using Resource = decltype(RLIMIT_NOFILE);
    return ::setrlimit(static_cast<Resource>(resource), &limit) == 0 ? 0 : -errno;
}

inline long set_groups(int count, const gid_t* groups) noexcept {
    return ::setgroups(static_cast<std::size_t>(count), groups) == 0 ? 0 : -errno;
}

/// Real, effective and saved alike.
inline long set_group(gid_t group) noexcept {
    return ::setregid(group, group) == 0 ? 0 : -errno;
}

/// Real, effective and saved alike, so that there is no way back.
inline long set_user(uid_t user) noexcept {
    return ::setreuid(user, user) == 0 ? 0 : -errno;
}

/// POSIX ties no process to another. @return -ENOSYS, always.
inline long die_with_parent(pid_t) noexcept {
    return -ENOSYS;
}

inline long execute(const char* path, const char* const* argv,
                    const char* const* envp) noexcept {
    // POSIX promises to leave the strings alone but could not say so in the type.
    ::execve(path, const_cast<char* const*>(argv), const_cast<char* const*>(envp));
    return -errno;
}

[[noreturn]] inline void exit_now(int code) noexcept {
    ::_exit(code);
}

}  // namespace pyproc::posix::platform
