// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdlib>

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace test {

/// What `forked` returns for a body that an exception left.
inline constexpr int left_by_exception = 70;

/// Runs a body that would change this process in a child instead, and waits for it.
///
/// No macro of the framework may be used in the body.
///
/// @return What the body returned, 0 to 255; `left_by_exception`; or -n for signal n.
template <class Body>
[[nodiscard]] int forked(Body body) {
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
        int code = left_by_exception;
        try {
            code = static_cast<int>(body());
        } catch (...) {
        }
        ::_exit(code);
    }

    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) std::abort();
    }
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

}  // namespace test
