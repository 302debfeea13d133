// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <mutex>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>

#include "pyproc/exit_status.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// What is known of a process that has ended.
struct Ended {
    /// How it ended; `exited(0)` when that is lost.
    ExitStatus status = ExitStatus::exited(0);

    /// What it used, its own children that it waited for included.
    rusage usage = {};

    /// Whether something else reaped the child first: a `waitpid(-1)` elsewhere in the
    /// program, or SIGCHLD set to be ignored. Nobody can say then how it ended.
    bool is_lost = false;
};

/// The one owner of the right to wait for a child and to signal it.
///
/// All waiters get the one true status, whoever of them reaped the child. A signal goes
/// to this child or to nobody: never to a stranger that was given its number later.
///
/// The descriptor behind it is closed as soon as the child is reaped, so that handles of
/// ended children cost none.
///
/// Threads: any member may be called by any thread at any time.
/// Source:  waitid(2), pidfd_open(2), pidfd_send_signal(2). Without pidfds a timed wait
///          asks at growing intervals, so its answer may come up to 50 ms late.
class ProcessHandle {
public:
    /// Stands for no process, until `take_over`.
    ProcessHandle() noexcept = default;

    /// Takes over a child that nobody has waited for. `pidfd` may be empty.
    ProcessHandle(pid_t pid, UniqueFd pidfd) noexcept
        : pid_{pid}, pidfd_{std::move(pidfd)} {}
    ProcessHandle(const ProcessHandle&) = delete;
    ProcessHandle& operator=(const ProcessHandle&) = delete;

    /// Takes over a child that nobody has waited for, once, and before any other use.
    void take_over(pid_t pid, UniqueFd pidfd) noexcept {
        pid_ = pid;
        pidfd_ = std::move(pidfd);
    }

    /// The process's number; 0 if this stands for none.
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// How the child ended, as far as it is known without asking the kernel.
    [[nodiscard]] Maybe<Ended> ended() const {
        const std::lock_guard<std::mutex> lock{state_};
        return ended_;
    }

    /// Looks, without blocking, whether the child has ended.
    [[nodiscard]] Maybe<Ended> poll() {
        if (auto known = ended()) return known;
        const Use use{*this};
        if (use.pidfd() < 0) return reap_by_number();
        std::unique_lock<std::mutex> reaper{reaper_, std::try_to_lock};
        if (!reaper) {
            // Another thread sleeps in the wait that reaps. If the child has not ended
            // there is nothing to tell; if it has, that thread is about to store how.
            if (look(use.pidfd(), WNOHANG) == Look::running) return {};
            reaper.lock();
        }
        return reap(use.pidfd(), WNOHANG);
    }

    /// Sleeps until the child has ended.
    Ended wait() {
        if (const auto known = ended()) return *known;
        const Use use{*this};
        if (use.pidfd() < 0) return wait_by_number();
        std::unique_lock<std::mutex> reaper{reaper_, std::try_to_lock};
        if (!reaper) {
            static_cast<void>(look(use.pidfd(), 0));
            reaper.lock();
        }
        if (const auto end = reap(use.pidfd(), 0)) return *end;
        reaper.unlock();
        return wait_by_number();
    }

    /// Sleeps until the child has ended or the deadline has come.
    ///
    /// @return How it ended, or nothing if it is still running.
    [[nodiscard]] Maybe<Ended> wait_until(Deadline deadline) {
        if (deadline.is_never()) return wait();
        const Use use{*this};
        if (use.pidfd() < 0) return wait_by_number_until(deadline);
        for (;;) {
            if (auto end = poll()) return end;
            pollfd entry{.fd = use.pidfd(), .events = POLLIN, .revents = 0};
            const auto ready = poll_until(&entry, 1, deadline);
            if (!ready) return wait_by_number_until(deadline);
            if (*ready == 0) return poll();
            if (auto end = poll()) return end;
            // It has ended and can't be reaped: its tracer, a debugger, comes first.
            if (entry.revents != 0) return wait_by_number_until(deadline);
        }
    }

    /// Sends a signal, unless the child has been reaped.
    ///
    /// @return ESRCH when it has been: then nothing was sent to anyone.
    Result<void> send_signal(int signal) {
        const Use use{*this};
        if (use.pidfd() >= 0) {
            auto sent = platform::pidfd_send_signal(use.pidfd(), signal);
            // A sandbox may refuse the call with either of these; if it is the child that
            // may not be signalled, the second way says so again.
            const bool is_refused = sent.code() == ENOSYS || sent.code() == EPERM;
            if (sent || !is_refused) return sent;
        }
        // Under the lock that reaping by number takes, so the number is still the
        // child's, unless something else has reaped it: hence the look at it first.
        const std::lock_guard<std::mutex> lock{state_};
        if (ended_) return Error{ESRCH};
        siginfo_t info{};
        const int found =
            ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
        if (found != 0 && errno == ECHILD) return Error{ESRCH};
        if (::kill(pid_, signal) != 0) return Error{errno};
        return {};
    }

    /// A descriptor of the caller's own for the child; it polls readable once the child
    /// has ended.
    ///
    /// @return ESRCH when the child has been reaped, ENOSYS where there are no pidfds.
    [[nodiscard]] Result<UniqueFd> duplicate_pidfd() {
        const Use use{*this};
        if (use.pidfd() < 0) return Error{ended() ? ESRCH : ENOSYS};
        return duplicate_above_standard(use.pidfd());
    }

private:
    /// Holds the descriptor open while a thread uses it; the last to leave a reaped child
    /// closes it.
    class Use {
    public:
        explicit Use(ProcessHandle& handle) : handle_{handle} {
            const std::lock_guard<std::mutex> lock{handle_.state_};
            ++handle_.users_;
            pidfd_ = handle_.ended_ ? -1 : handle_.pidfd_.get();
        }
        ~Use() {
            const std::lock_guard<std::mutex> lock{handle_.state_};
            if (--handle_.users_ == 0 && handle_.ended_) handle_.pidfd_.reset();
        }
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;

        [[nodiscard]] int pidfd() const noexcept { return pidfd_; }

    private:
        ProcessHandle& handle_;
        int pidfd_;
    };

    enum class Look { running, ended };

    /// Looks, or sleeps until there is something to see, and leaves the child to be
    /// reaped.
    [[nodiscard]] static Look look(int pidfd, int options) {
        siginfo_t info{};
        rusage usage{};
        const auto seen =
            platform::pidfd_wait(pidfd, WEXITED | WNOWAIT | options, info, usage);
        return seen && info.si_pid == 0 ? Look::running : Look::ended;
    }

    /// Reaps through the pidfd. Only for the holder of `reaper_`.
    ///
    /// @return nothing if the child is running (under WNOHANG), or if this kernel can't
    ///         wait by pidfd.
    [[nodiscard]] Maybe<Ended> reap(int pidfd, int options) {
        if (auto known = ended()) return known;
        siginfo_t info{};
        rusage usage{};
        const auto waited = platform::pidfd_wait(pidfd, WEXITED | options, info, usage);
        if (!waited && waited.code() != ECHILD) return reap_by_number();
        if (!waited) return store({ExitStatus::exited(0), usage, true});
        if (info.si_pid == 0) return {};
        const ExitStatus status = info.si_code == CLD_EXITED
                                      ? ExitStatus::exited(info.si_status)
                                      : ExitStatus::killed(info.si_status);
        return store({status, usage});
    }

    Ended store(Ended end) {
        const std::lock_guard<std::mutex> lock{state_};
        if (!ended_) ended_ = end;
        return *ended_;
    }

    [[nodiscard]] Maybe<Ended> reap_by_number() {
        const std::lock_guard<std::mutex> lock{state_};
        if (ended_) return ended_;
        int status = 0;
        rusage usage{};
        const pid_t reaped = ::wait4(pid_, &status, WNOHANG, &usage);
        if (reaped == pid_) ended_ = Ended{ExitStatus::from_wait_status(status), usage};
        if (reaped < 0 && errno == ECHILD)
            ended_ = Ended{ExitStatus::exited(0), usage, true};
        return ended_;
    }

    Ended wait_by_number() {
        for (;;) {
            if (const auto end = reap_by_number()) return *end;
            // Leaves the child unreaped, and so its number its own, until the lock is
            // held.
            siginfo_t info{};
            const int found =
                ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOWAIT);
            const bool is_refused = found != 0 && errno != EINTR && errno != ECHILD;
            if (!is_refused) continue;
            // By a sandbox: asking again at once would use up a processor.
            if (const auto end = wait_by_number_until({})) return *end;
        }
    }

    [[nodiscard]] Maybe<Ended> wait_by_number_until(Deadline deadline) {
        constexpr long longest_nap = 50'000'000;
        long nap = 500'000;
        for (;;) {
            if (auto end = reap_by_number()) return end;
            if (deadline.has_passed()) return {};
            timespec pause{.tv_sec = 0, .tv_nsec = nap};
            if (!deadline.is_never()) {
                const timespec left = deadline.remaining();
                if (left.tv_sec == 0 && left.tv_nsec < nap) pause = left;
            }
            ::nanosleep(&pause, nullptr);
            nap = nap * 2 < longest_nap ? nap * 2 : longest_nap;
        }
    }

    pid_t pid_ = 0;
    mutable std::mutex state_;  ///< guards the three below
    Maybe<Ended> ended_;
    int users_ = 0;
    UniqueFd pidfd_;
    std::mutex reaper_;  ///< held by the thread that is in the wait that reaps
};

}  // namespace pyproc::posix
