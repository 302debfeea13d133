// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "pyproc/asyncio/boost.hpp"

#include <cerrno>
#include <utility>

#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>

#include <boost/asio/any_io_executor.hpp>

#include "pyproc/asyncio/process.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/spawn/fork_engine.hpp"
#include "pyproc/subprocess/popen.hpp"

namespace pyproc::asyncio {

namespace detail {

/// @tparam Owner  `Popen` or `Process`.
template <class Executor, class Owner>
[[nodiscard]] auto hand_over(const Executor& executor, Owner& child) {
    using Handle = boost::process::v2::basic_process_handle<Executor>;
    const pid_t pid = child.pid();
    siginfo_t info{};
    const bool is_there = pid > 0 && ::waitid(P_PID, static_cast<id_t>(pid), &info,
                                              WEXITED | WNOHANG | WNOWAIT) == 0;
    if (!is_there) throw_os_error(ESRCH, "cannot hand over the child");
    // Before the child is given up, since it may throw. Should something else have reaped
    // the child by now, it can't be given up.
    posix::UniqueFd pidfd = spawn::open_pidfd_of_child(pid);
    Handle handle = pidfd ? Handle{executor, pid, pidfd.get()} : Handle{executor, pid};
    static_cast<void>(pidfd.release());
    static_cast<void>(child.release());
    return handle;
}

}  // namespace detail

/// Hands a child of ours over to Boost.Process: from now on the handle is what waits for
/// it. The caller's ends of its pipes are closed, unless they were moved out before.
///
/// @throws ProcessLookupError           for a child that has been reaped.
/// @throws OSError                      EMFILE.
/// @throws boost::system::system_error  if Boost can't make the handle, as in a system
///                                      without pidfds. In all cases nothing has changed.
///
/// Source: Boost.Process v2, `basic_process_handle`.
template <class Executor>
[[nodiscard]] auto to_process_handle(const Executor& executor,
                                     subprocess::Popen&& child) {
    return detail::hand_over(executor, child);
}

/// The same, for the executor that it belongs to.
[[nodiscard]] inline auto to_process_handle(Process&& child) {
    const asio::any_io_executor executor = child.get_executor();
    return detail::hand_over(executor, child);
}

/// Takes over a child from Boost.Process: its handle then stands for no process.
///
/// @throws ProcessLookupError  if the handle stands for none.
/// @throws ChildProcessError   if the process is no child of this one, or somebody has
///                             waited for it. In both cases nothing has changed.
template <class Executor>
[[nodiscard]] Process from_process_handle(
    boost::process::v2::basic_process_handle<Executor>&& handle) {
    using Handle = boost::process::v2::basic_process_handle<Executor>;
    const pid_t pid = handle.id();
    if (pid <= 0) throw_os_error(ESRCH, "cannot take over the process");
    siginfo_t info{};
    const int seen =
        ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    if (seen != 0) throw_os_error(errno, "cannot take over the process (waitid)");
    const auto executor = handle.get_executor();
    // Boost 1.81 does not give away the pidfd that it has. As long as the child is not
    // reaped its number is its own.
    Process process{asio::any_io_executor{executor},
                    spawn::Started{pid, spawn::open_pidfd_of_child(pid)}};
    handle = Handle{executor};
    return process;
}

/// The same for a process that is not to be terminated by its own destructor any more.
template <class Executor>
[[nodiscard]] Process from_process(
    boost::process::v2::basic_process<Executor>&& process) {
    return from_process_handle(std::move(process.handle()));
}

}  // namespace pyproc::asyncio
