// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <list>
#include <mutex>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/bootstrap.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/server_link.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/posix/at_fork.hpp"
#include "pyproc/posix/cancellation.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"

namespace pyproc::multiprocessing::detail {

/// What a process still has to do when it has forked a child.
///
/// Nothing here may fail: the child is running.
inline void welcome(Registry& registry, std::list<SharedState>& entry, pid_t pid,
                    posix::UniqueFd lifeline) noexcept {
    ProcessState& child = *entry.front();
    auto pidfd = posix::platform::pidfd_open(pid);
    child.set_started(pid, pidfd ? std::move(*pidfd) : posix::UniqueFd{},
                      std::move(lifeline));
    registry.add(entry);
    // Something else has reaped it. Noticed now, before its number is given to another.
    if (pidfd.code() == ESRCH) static_cast<void>(child.child()->poll());
}

/// Starts a child that is a copy of the calling process.
///
/// @param run  What the child does.
///
/// Python:  `multiprocessing.popen_fork.Popen`.
template <class Run>
void start_by_fork(const SharedState& state, Run run) {
    Registry& registry = Registry::here();
    static_cast<void>(registry.active_children());  // reaps
    registry.finish_children_at_exit();
    std::list<SharedState> entry{state};

    posix::Pipe lifeline;
    std::unique_lock starting{registry.starting(), std::defer_lock};
    if (!has_pidfds()) {
        starting.lock();
        lifeline = posix::make_pipe().or_throw("pipe");
    }
    auto theirs =
        Registry::for_child(state, registry.as_parent(), lifeline.write_end.get());
    const ChildsExitHandler handler{registry};
    flush_streams();
    ServerLink* const server = ServerLink::find();
    std::unique_lock<std::mutex> linked;
    const posix::CancellationDisabled whole;
    const posix::AroundFork around;
    if (server != nullptr) linked = std::unique_lock{server->mutex()};
    std::unique_lock forking{registry.forking()};
    const pid_t pid = ::fork();
    if (pid == 0) {
        if (server != nullptr) server->leave_to_parent();
        lifeline.read_end.reset();
        static_cast<void>(lifeline.write_end.release());
        Registry::enter_child(std::move(theirs));
        drop_inherited_output();
        detach_input();
        around.after_in_child();
        whole.restore();
        live_as_child(state, std::move(run));
    }
    const int code = errno;
    forking.unlock();
    if (linked) linked.unlock();
    around.after_in_parent();
    if (pid < 0) throw_os_error(code, "fork");
    welcome(registry, entry, pid, std::move(lifeline.read_end));
}

}  // namespace pyproc::multiprocessing::detail
