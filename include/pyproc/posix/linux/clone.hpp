// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <sched.h>
#include <signal.h>
#include <sys/types.h>

#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

/// What a cloned child runs. It must not return: it executes a program or exits.
using CloneEntry = void (*)(void*) noexcept;

/// Whether the child has the caller's descriptor table itself or a copy of it.
enum class DescriptorTable : bool { copied, shared };

struct Cloned {
    pid_t pid;
    int pidfd;
};

namespace detail {

/// `struct clone_args` as of Linux 5.5, declared here since older system headers lack it.
struct CloneArguments {
    std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
        tls;
};

inline constexpr std::uint64_t clone_clear_sighand = 0x100000000;  // Linux 5.5
inline constexpr std::uint64_t clone_pidfd = 0x1000;               // Linux 5.2
inline constexpr long clone3_number = 435;  // the same on every architecture

/// The clone3 system call, whose child runs `entry(argument)` on the stack in
/// `arguments`.
///
/// Written out because glibc has no wrapper, and because no function that returns twice
/// on two stacks can be written in C++.
inline long clone3_and_run(const CloneArguments& arguments, CloneEntry entry,
                           void* argument) noexcept {
#if defined(__x86_64__)
    long result = clone3_number;
    register CloneEntry r8 asm("r8") = entry;
    register void* r9 asm("r9") = argument;
    asm volatile(
        "syscall\n\t"
        "testq %%rax, %%rax\n\t"
        "jnz 1f\n\t"
        "xorl %%ebp, %%ebp\n\t"  // the outermost frame, for whoever unwinds
        "movq %%r9, %%rdi\n\t"
        "callq *%%r8\n\t"
        "hlt\n"
        "1:"
        : "+a"(result)
        : "D"(&arguments), "S"(sizeof arguments), "r"(r8), "r"(r9)
        : "rcx", "r11", "memory", "cc");
    return result;
#else
    register long x8 asm("x8") = clone3_number;
    register long x0 asm("x0") = address(&arguments);
    register long x1 asm("x1") = sizeof arguments;
    register CloneEntry x9 asm("x9") = entry;
    register void* x10 asm("x10") = argument;
    asm volatile(
        "svc #0\n\t"
        "cbnz x0, 1f\n\t"
        "mov x29, xzr\n\t"
        "mov x30, xzr\n\t"
        "mov x0, x10\n\t"
        "blr x9\n\t"
        "brk #1\n"
        "1:"
        : "+r"(x0)
        : "r"(x8), "r"(x1), "r"(x9), "r"(x10)
        : "memory", "cc");
    return x0;
#endif
}

}  // namespace detail

/// Starts a child that shares the caller's memory, on a stack of its own, with the
/// caller's signal handlers set back to the default. The calling thread sleeps until the
/// child has executed a program or exited, as with vfork(2); other threads run on.
///
/// Costs the same from a program of any size, since no page table is copied.
///
/// @return The child's pid and a close-on-exec pidfd. ENOSYS, EPERM or EINVAL where the
///         kernel or a sandbox does not have the call or one of its flags.
/// Source: clone(2).
[[nodiscard]] inline Result<Cloned> clone_and_run(DescriptorTable table, CloneEntry entry,
                                                  void* argument) noexcept {
    // The child's stack is a piece of ours: we sleep while it is in use, and it costs no
    // mapping. The child makes a dozen shallow calls and runs no signal handler.
    alignas(16) std::byte stack[16 * 1024];
    int pidfd = -1;
    detail::CloneArguments arguments{};
    arguments.flags = static_cast<std::uint64_t>(CLONE_VM) | CLONE_VFORK |
                      detail::clone_pidfd | detail::clone_clear_sighand;
    if (table == DescriptorTable::shared) arguments.flags |= CLONE_FILES;
    arguments.pidfd = static_cast<std::uint64_t>(address(&pidfd));
    arguments.exit_signal = SIGCHLD;
    arguments.stack = static_cast<std::uint64_t>(address(stack));
    arguments.stack_size = sizeof stack;

    const long pid = detail::clone3_and_run(arguments, entry, argument);
    if (pid < 0) return Error{static_cast<int>(-pid)};
    return Cloned{static_cast<pid_t>(pid), pidfd};
}

}  // namespace pyproc::posix::platform
