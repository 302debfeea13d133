// SPDX-License-Identifier: BSL-1.0
// Processes that are killed at a chosen machine instruction.
#pragma once

#include <cerrno>
#include <csignal>
#include <cstdlib>

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

/// How a process that was to be killed has ended.
enum class Stepped {
    killed,
    ended_before,
    is_not_possible,  ///< the system does not let processes be traced
};

/// In the body given to `kill_after`: its instructions are counted from here on.
inline void count_from_here() {
    ::raise(SIGSTOP);
}

/// Runs a body in a forked child, and kills it once it has executed `steps` machine
/// instructions since `count_from_here`. The body must not wait for others after that.
///
/// Source: PTRACE_SINGLESTEP in ptrace(2).
template <class Body>
[[nodiscard]] Stepped kill_after(long steps, Body body) {
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
        body();
        ::raise(SIGSTOP);  // the end
        ::_exit(0);
    }
    int status = 0;
    const auto await = [&] {
        while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
        return WIFSTOPPED(status);
    };
    if (!await()) {
        return WEXITSTATUS(status) == 77 ? Stepped::is_not_possible
                                         : Stepped::ended_before;
    }
    bool has_ended = false;
    for (long i = 0; i < steps && !has_ended; ++i) {
        if (::ptrace(PTRACE_SINGLESTEP, child, nullptr, nullptr) != 0) std::abort();
        if (!await()) return Stepped::ended_before;
        has_ended = WSTOPSIG(status) == SIGSTOP;
    }
    ::kill(child, SIGKILL);
    static_cast<void>(await());
    return has_ended ? Stepped::ended_before : Stepped::killed;
}

/// Does so for every number of steps until the body ends before, calling `check` after
/// each.
///
/// @param stride  1 for each instruction; more where that would take too long. Always
///                more where sanitizers make too many of them.
template <class Body, class Check>
void kill_at_each_step(Body body, Check check, long stride = 1) {
#ifdef SANITIZED
    stride *= 61;
#endif
    for (long steps = 0;; steps += stride) {
        const Stepped how = kill_after(steps, body);
        if (how == Stepped::is_not_possible) return;
        check();
        if (how == Stepped::ended_before) return;
    }
}

}  // namespace test
