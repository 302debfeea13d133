// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <mutex>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "pyproc/exit_status.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/process_handle.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::multiprocessing::detail {

/// What is said of a process that the fork server was asked for: by itself at its start,
/// else by the server.
struct Report {
    enum class Kind : int {
        started,            ///< and it is a child of the one who asked
        started_by_server,  ///< and it is the server's, who will say how it ended
        failed,             ///< `value` is an errno
        ended,              ///< `value` is a wait status
    };

    Kind kind;
    pid_t pid;
    int value;
};

/// The right to wait for a process and to signal it: a child of this one, or of its fork
/// server, which then reports how it has ended.
///
/// Threads: any member may be called by any thread at any time.
class ChildHandle {
public:
    /// A child of this process. `pidfd` may be empty.
    ChildHandle(pid_t pid, posix::UniqueFd pidfd) noexcept
        : own_{pid, std::move(pidfd)} {}

    /// A child of the fork server.
    ///
    /// @param reports  A socket whose next message is the `Report` of its end. It is
    /// never
    ///                 read, and so stays readable for all who look. That it was closed
    ///                 without one means that both, server and child, have ended.
    struct OfServer {
        pid_t pid;
        posix::UniqueFd reports;
    };
    explicit ChildHandle(OfServer child) noexcept
        : own_{child.pid, posix::UniqueFd{}}, reports_{std::move(child.reports)} {}
    ChildHandle(const ChildHandle&) = delete;
    ChildHandle& operator=(const ChildHandle&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return own_.pid(); }

    /// How it ended, as far as it is known without asking the kernel.
    [[nodiscard]] posix::Maybe<posix::Ended> ended() const {
        if (!reports_) return own_.ended();
        const std::lock_guard lock{mutex_};
        return ended_;
    }

    /// Looks, without blocking, whether it has ended.
    [[nodiscard]] posix::Maybe<posix::Ended> poll() {
        if (!reports_) return own_.poll();
        const std::lock_guard lock{mutex_};
        return look();
    }

    /// Sleeps until it has ended.
    posix::Ended wait() { return *wait_until(posix::Deadline{}); }

    /// Sleeps until it has ended or the deadline has come.
    [[nodiscard]] posix::Maybe<posix::Ended> wait_until(posix::Deadline deadline) {
        if (!reports_) return own_.wait_until(deadline);
        for (;;) {
            if (auto end = poll()) return end;
            if (deadline.has_passed()) return {};
            pollfd entry{.fd = reports_.get(), .events = POLLIN, .revents = 0};
            static_cast<void>(posix::poll_until(&entry, 1, deadline));
        }
    }

    /// Sends a signal, unless it has ended. @return ESRCH when it has.
    posix::Result<void> send_signal(int signal) {
        if (!reports_) return own_.send_signal(signal);
        const std::lock_guard lock{mutex_};
        // The server reaps it, and so sets its number free, only after the report.
        if (look()) return posix::Error{ESRCH};
        if (::kill(pid(), signal) != 0) return posix::Error{errno};
        return {};
    }

    /// A descriptor of the caller's own that polls readable once it has ended.
    ///
    /// @return ESRCH when it has been reaped, ENOSYS where there is no such descriptor.
    [[nodiscard]] posix::Result<posix::UniqueFd> duplicate_pidfd() {
        if (!reports_) return own_.duplicate_pidfd();
        return posix::duplicate_above_standard(reports_.get());
    }

private:
    [[nodiscard]] posix::Maybe<posix::Ended> look() {
        if (ended_) return ended_;
        Report report{};
        const ssize_t got =
            ::recv(reports_.get(), &report, sizeof report, MSG_PEEK | MSG_DONTWAIT);
        if (got == sizeof report) {
            ended_ = posix::Ended{ExitStatus::from_wait_status(report.value)};
        } else if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK &&
                                errno != EINTR)) {
            ended_ = posix::Ended{.is_lost = true};
        }
        return ended_;
    }

    posix::ProcessHandle own_;
    posix::UniqueFd reports_;
    mutable std::mutex mutex_;  ///< guards the one below
    posix::Maybe<posix::Ended> ended_;
};

}  // namespace pyproc::multiprocessing::detail
