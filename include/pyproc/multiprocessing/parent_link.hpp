// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <memory>
#include <mutex>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::multiprocessing::detail {

/// The process that has started another one.
struct Parent {
    /// What it knew of itself at the fork; null for none.
    std::shared_ptr<ProcessState> state = nullptr;
    pid_t pid = 0;
    /// Whether it is the parent that the system knows of. If not, a process that is given
    /// its number later may be taken for it.
    bool is_direct = false;
};

/// What a process knows of its parent; in the main program there is none.
///
/// Costs nothing until it is asked: the system tells each process the number of its
/// parent, and another one as soon as that has ended.
///
/// Threads: any member may be called by any thread at any time.
class ParentLink {
public:
    explicit ParentLink(Parent parent) noexcept : parent_{std::move(parent)} {}

    /// The same parent, for a process that something else has forked.
    [[nodiscard]] Parent for_foreign_fork() const {
        return {parent_.state, parent_.pid, false};
    }

    /// Null in the main program.
    [[nodiscard]] const std::shared_ptr<ProcessState>& state() const noexcept {
        return parent_.state;
    }
    [[nodiscard]] pid_t pid() const noexcept { return parent_.pid; }

    [[nodiscard]] bool is_alive() const noexcept {
        if (::getppid() == parent_.pid) return true;
        if (parent_.is_direct) return false;
        const auto pidfd = posix::platform::pidfd_open(parent_.pid);
        if (!pidfd) return ::kill(parent_.pid, 0) == 0 || errno == EPERM;
        // One that has ended keeps its number until it is reaped, and kill finds it.
        pollfd entry{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
        return ::poll(&entry, 1, 0) == 0;
    }

    /// Sleeps until the parent has ended or the deadline has come. Where there are no
    /// pidfds it looks every 50 milliseconds.
    ///
    /// @return Whether it has ended.
    [[nodiscard]] bool wait_until(posix::Deadline deadline) const {
        if (const auto pidfd = open_pidfd()) {
            pollfd entry{.fd = pidfd->get(), .events = POLLIN, .revents = 0};
            const auto ready = posix::poll_until(&entry, 1, deadline);
            if (ready) return *ready != 0;
        }
        constexpr timespec nap{.tv_sec = 0, .tv_nsec = 50'000'000};
        while (is_alive()) {
            if (deadline.has_passed()) return false;
            timespec pause = nap;
            if (!deadline.is_never()) {
                const timespec left = deadline.remaining();
                if (left.tv_sec == 0 && left.tv_nsec < nap.tv_nsec) pause = left;
            }
            ::nanosleep(&pause, nullptr);
        }
        return true;
    }

    /// A descriptor that polls readable once the parent has ended, for as long as this
    /// process lives.
    ///
    /// @return ENOSYS where there are no pidfds.
    [[nodiscard]] posix::Result<int> sentinel() {
        const std::lock_guard lock{mutex_};
        if (!sentinel_) {
            auto opened = open_pidfd();
            if (opened.code() == ESRCH) opened = posix::make_ended();
            if (!opened) return opened.error();
            sentinel_ = std::move(*opened);
        }
        return sentinel_.get();
    }

private:
    /// @return ESRCH when it has ended.
    [[nodiscard]] posix::Result<posix::UniqueFd> open_pidfd() const {
        if (!is_alive()) return posix::Error{ESRCH};
        auto pidfd = posix::platform::pidfd_open(parent_.pid);
        // Else the number may have been another's by the time of the call.
        if (pidfd && !is_alive()) return posix::Error{ESRCH};
        return pidfd;
    }

    const Parent parent_;

    std::mutex mutex_;  ///< guards the one below
    posix::UniqueFd sentinel_;
};

}  // namespace pyproc::multiprocessing::detail
