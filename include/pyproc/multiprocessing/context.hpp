// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/forkserver.hpp"
#include "pyproc/posix/at_fork.hpp"

namespace pyproc::multiprocessing {

namespace detail {

enum class StartMethod : int { unset, fork, forkserver };

inline constinit std::atomic<StartMethod> start_method = StartMethod::unset;

/// The start method; from now on it counts as set.
[[nodiscard]] inline StartMethod settle_start_method() noexcept {
    auto method = StartMethod::unset;
    start_method.compare_exchange_strong(method, StartMethod::fork);
    return method == StartMethod::unset ? StartMethod::fork : method;
}

}  // namespace detail

using posix::register_at_fork;

/// The start methods there are; the first is the default.
///
/// Python:  `multiprocessing.get_all_start_methods`.
[[nodiscard]] inline std::vector<std::string> get_all_start_methods() {
    return {"fork", "forkserver"};
}

/// How processes are started from now on. Call it once, first thing in main.
///
/// - "fork", the default: a child is a copy of the process as it is at `start`. It can be
///   given anything; the more memory the process has in use, the longer it takes.
/// - "forkserver": a child is a copy of the process as it is now. This call forks a small
///   server, which forks the children, however large the process has grown since. A child
///   has the global variables, environment, umask, signal handlers, and standard output
///   and error of this moment, no other descriptor, and no library that is loaded later.
///   Its current directory and blocked signals are those of the thread that calls
///   `start`. The target and its arguments are sent to it: see `Process`.
///
/// The server ends with the process. If it is killed, its children live on, and the next
/// `start` forks a new one off the process as it is then. The children of a child have a
/// server of their own, forked at the first start there. The handlers of pthread_atfork
/// are not called in the children, those of `register_at_fork` are.
///
/// On Linux the children of the server are the process's own, as after a fork. Elsewhere
/// they are the server's: getppid(2) gives its number there, and if it is killed the exit
/// codes are lost of those that it has not reported.
///
/// @param method  "fork" or "forkserver".
/// @param force   Whether the method may be changed that has been set, by this, by
///                `get_start_method`, or by the start of a process.
/// @throws std::runtime_error  One has been set.
/// @throws ValueError          There is no such method.
/// @throws OSError             The system refuses the server.
inline void set_start_method(std::string_view method, bool force = false) {
    using detail::StartMethod;
    auto before = detail::start_method.load();
    const auto require_unset = [force, &before] {
        if (force || before == StartMethod::unset) return;
        throw std::runtime_error{"context has already been set"};
    };
    require_unset();
    const bool is_server = method == "forkserver";
    if (!is_server && method != "fork") {
        std::string text{"cannot find context for '"};
        throw ValueError{text.append(method).append("'")};
    }
    const auto after = is_server ? StartMethod::forkserver : StartMethod::fork;
    while (!detail::start_method.compare_exchange_weak(before, after)) require_unset();
    if (!is_server) return;
    try {
        detail::ensure_server();
    } catch (...) {
        detail::start_method = before;
        throw;
    }
}

/// How processes are started. If nothing has been set, "fork" is from now on.
[[nodiscard]] inline std::string get_start_method() {
    return detail::settle_start_method() == detail::StartMethod::fork ? "fork"
                                                                      : "forkserver";
}

/// The number of processors of the machine that are online.
///
/// @throws std::runtime_error  The system does not say. Python: NotImplementedError.
///
/// Source: sysconf(3).
[[nodiscard]] inline int cpu_count() {
    const long count = ::sysconf(_SC_NPROCESSORS_ONLN);
    if (count < 1) throw std::runtime_error{"cannot determine number of cpus"};
    return static_cast<int>(count);
}

}  // namespace pyproc::multiprocessing
