// SPDX-License-Identifier: BSL-1.0
// The least that the kernel asks for each kind of work: what all others are compared
// with.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bench {

inline void require(bool is_so) {
    if (!is_so) std::abort();
}

[[noreturn]] inline void execute(const char* program) {
    const char* const argv[] = {program, nullptr};
    ::execve(program, const_cast<char* const*>(argv), ::environ);
    ::_exit(127);
}

inline void wait_for_success(pid_t pid) {
    int status = -1;
    require(::waitpid(pid, &status, 0) == pid && status == 0);
}

/// Starts a program by vfork, with other standard streams where those are not -1.
inline pid_t vfork_and_execute(const char* program, int std_in = -1, int std_out = -1) {
    const pid_t pid = ::vfork();
    if (pid == 0) {
        if (std_in >= 0) ::dup2(std_in, 0);
        if (std_out >= 0) ::dup2(std_out, 1);
        execute(program);
    }
    return pid;
}

inline void raw_vfork(const char* program) {
    wait_for_success(vfork_and_execute(program));
}

inline void raw_fork(const char* program) {
    const pid_t pid = ::fork();
    if (pid == 0) execute(program);
    wait_for_success(pid);
}

inline void raw_posix_spawn(const char* program) {
    const char* const argv[] = {program, nullptr};
    pid_t pid = -1;
    require(::posix_spawn(&pid, program, nullptr, nullptr, const_cast<char* const*>(argv),
                          ::environ) == 0);
    wait_for_success(pid);
}

/// A child that clone3 made.
struct Cloned {
    pid_t pid;
    int pidfd;
};

/// What becomes of the caller's descriptors: all copied and inherited, or the table
/// shared and then replaced by one of the first three.
enum class Descriptors { copied, closed };

/// Starts a program by clone3 in vfork's manner, with a pidfd.
///
/// Not by `syscall`: the child would return from it over the frame that the caller still
/// needs.
[[gnu::noinline]] inline Cloned clone3_and_execute(const char* program,
                                                   Descriptors descriptors) {
    constexpr unsigned unshare = 2;  // CLOSE_RANGE_UNSHARE
    int pidfd = -1;
    clone_args arguments{};
    arguments.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_CLEAR_SIGHAND;
    if (descriptors == Descriptors::closed) arguments.flags |= CLONE_FILES;
    arguments.pidfd = reinterpret_cast<std::uintptr_t>(&pidfd);
    arguments.exit_signal = SIGCHLD;
#if defined(__x86_64__)
    long result = SYS_clone3;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(&arguments), "S"(sizeof arguments)
                 : "rcx", "r11", "memory");
#else
    register long number asm("x8") = SYS_clone3;
    register long result asm("x0") = reinterpret_cast<long>(&arguments);
    register long size asm("x1") = sizeof arguments;
    asm volatile("svc #0" : "+r"(result) : "r"(number), "r"(size) : "memory");
#endif
    if (result == 0) {
        if (descriptors == Descriptors::closed) {
            ::syscall(SYS_close_range, 3U, ~0U, unshare);
        }
        execute(program);
    }
    require(result > 0);
    return {static_cast<pid_t>(result), pidfd};
}

/// Reaps a child by its pidfd, closes that, and returns how it ended.
inline siginfo_t wait_and_close(const Cloned& child) {
    siginfo_t info{};
    require(::waitid(P_PIDFD, static_cast<id_t>(child.pidfd), &info, WEXITED) == 0);
    ::close(child.pidfd);
    return info;
}

inline void raw_clone3(const char* program, Descriptors descriptors) {
    require(wait_and_close(clone3_and_execute(program, descriptors)).si_status == 0);
}

struct PipeEnds {
    int read, write;
};

inline PipeEnds make_pipe() {
    int ends[2];
    require(::pipe2(ends, O_CLOEXEC) == 0);
    return {ends[0], ends[1]};
}

/// Collects the output of a program as most do: the pipe as it comes, a buffer of the
/// pipe's size, appended to a string.
inline std::string raw_check_output(const char* program) {
    const PipeEnds out = make_pipe();
    const pid_t pid = vfork_and_execute(program, -1, out.write);
    ::close(out.write);
    std::string output;
    char bytes[64 * 1024];
    for (ssize_t got = 0; (got = ::read(out.read, bytes, sizeof bytes)) > 0;) {
        output.append(bytes, static_cast<std::size_t>(got));
    }
    ::close(out.read);
    wait_for_success(pid);
    return output;
}

/// Gives a program input and collects its output, in the same manner with poll.
inline std::string raw_communicate(const char* program, std::string_view input) {
    const PipeEnds in = make_pipe();
    const PipeEnds out = make_pipe();
    const pid_t pid = vfork_and_execute(program, in.read, out.write);
    ::close(in.read);
    ::close(out.write);
    require(::fcntl(in.write, F_SETFL, O_NONBLOCK) == 0);

    std::string output;
    char bytes[64 * 1024];
    pollfd entries[] = {{in.write, POLLOUT, 0}, {out.read, POLLIN, 0}};
    while (entries[1].fd >= 0) {
        require(::poll(entries, 2, -1) > 0);
        if (entries[0].revents != 0) {
            const ssize_t put = ::write(in.write, input.data(), input.size());
            require(put >= 0 || errno == EAGAIN);
            if (put > 0) input.remove_prefix(static_cast<std::size_t>(put));
            if (input.empty()) {
                ::close(in.write);
                entries[0].fd = -1;
            }
        }
        if (entries[1].revents != 0) {
            const ssize_t got = ::read(out.read, bytes, sizeof bytes);
            require(got >= 0);
            output.append(bytes, static_cast<std::size_t>(got));
            if (got == 0) entries[1].fd = -1;
        }
    }
    ::close(out.read);
    wait_for_success(pid);
    return output;
}

}  // namespace bench
