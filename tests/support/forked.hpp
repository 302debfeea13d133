// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdlib>
#include <string>

#include <fcntl.h>
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

/// The same for a body that returns a text, which says more of a failure than a number.
template <class Body>
[[nodiscard]] std::string told_by_forked(Body body) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const int answer = forked([&] {
        ::close(ends[0]);
        const std::string text = body();
        // Below what a pipe holds, so nobody need read it meanwhile.
        return ::write(ends[1], text.data(), text.size()) < 0 ? 1 : 0;
    });
    ::close(ends[1]);
    std::string told;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], bytes, sizeof bytes)) > 0;) {
        told.append(bytes, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    if (answer != 0) told += "; the forked child ended with " + std::to_string(answer);
    return told;
}

}  // namespace test
