// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <mutex>
#include <new>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pyproc/posix/background_thread.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/per_process.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/plain_list.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// Reaps the children that nobody waits for any more, each as it ends, so that none stays
/// behind as a zombie.
///
/// One thread does it. It is there only as long as there are such children, sleeps until
/// one of them ends, and blocks all signals. (Where there are no pidfds it looks every 50
/// milliseconds.)
class Reaper {
public:
    /// Takes a child over.
    ///
    /// @param pid    A child that nobody else will wait for.
    /// @param pidfd  Stands for it; may be empty.
    /// @return EMFILE, ENFILE, EAGAIN if there is no descriptor or thread left for this:
    ///         then nothing is taken over.
    /// @throws std::bad_alloc  likewise.
    [[nodiscard]] Result<void> adopt(pid_t pid, UniqueFd pidfd) {
        const std::lock_guard<std::mutex> lock{mutex_};
        children_.make_room(1);
        if (!is_running_) {
            auto wake = make_pipe();
            if (!wake) return wake.error();
            wake_ = std::move(*wake);
            if (const int code = start_background_thread(serve, this); code != 0) {
                wake_ = {};
                return Error{code};
            }
            is_running_ = true;
        }
        children_.push_back({.pid = pid, .pidfd = pidfd.release()});
        // One byte is enough, however many come before it is read.
        if (!std::exchange(is_woken_, true)) {
            const ssize_t written = ::write(wake_.write_end.get(), "", 1);
            static_cast<void>(written);
        }
        return {};
    }

private:
    struct Child {
        pid_t pid;
        int pidfd;  ///< owned; -1 where there is none
    };

    /// What the thread sleeps on: the pipe that wakes it, then each child in turn.
    struct Entries {
        Entries() noexcept = default;
        Entries(const Entries&) = delete;
        Entries& operator=(const Entries&) = delete;
        ~Entries() { delete[] list; }

        pollfd* list = nullptr;
        std::size_t count = 0;  ///< 0 if each child must be looked at after a nap
    };

    static void* serve(void* self) {
        auto& reaper = *static_cast<Reaper*>(self);
        Entries& entries = reaper.entries_;
        while (reaper.reap_ended()) {
            constexpr int nap = 50;
            bool must_look = entries.count == 0;
            for (std::size_t i = 0; i < entries.count; ++i) {
                must_look |= entries.list[i].fd < 0;
            }
            const int ready = ::poll(entries.list, static_cast<nfds_t>(entries.count),
                                     must_look ? nap : -1);
            if (ready >= 0 || errno == EINTR) continue;
            // The limit on descriptors is now below the number of entries, or a sandbox
            // refuses the call.
            entries.count = 0;
            const timespec pause{.tv_sec = 0, .tv_nsec = nap * 1'000'000L};
            ::nanosleep(&pause, nullptr);
        }
        return nullptr;
    }

    /// Reaps the children that the entries say have ended, and makes those for the next
    /// sleep.
    ///
    /// @return false if there are no children any more, and so the thread is to end.
    [[nodiscard]] bool reap_ended() {
        const std::lock_guard<std::mutex> lock{mutex_};
        Entries& entries = entries_;
        bool is_kept_back = false;
        // From the end: the child that takes the place of a reaped one has been seen.
        for (std::size_t i = children_.size(); i-- > 0;) {
            const Child child = children_[i];
            const bool is_known = i + 1 < entries.count && child.pidfd >= 0;
            const bool may_have_ended = !is_known || entries.list[i + 1].revents != 0;
            if (!may_have_ended) continue;
            if (!is_reaped(child.pid, child.pidfd)) {
                is_kept_back |= is_known;
                continue;
            }
            const UniqueFd closing{child.pidfd};
            const Child last = children_.pop_back();
            if (i < children_.size()) children_[i] = last;
        }
        if (std::exchange(is_woken_, false)) {
            char byte = 0;
            const ssize_t got = ::read(wake_.read_end.get(), &byte, 1);
            static_cast<void>(got);
        }
        if (children_.size() == 0) {
            wake_ = {};
            entries.count = 0;
            is_running_ = false;
            return false;
        }
        delete[] entries.list;
        entries.list = new (std::nothrow) pollfd[children_.size() + 1];
        entries.count = entries.list == nullptr ? 0 : children_.size() + 1;
        // One has ended but its tracer, a debugger, comes first. Its pidfd would keep
        // poll from sleeping.
        if (is_kept_back) entries.count = 0;
        for (std::size_t i = 0; i < entries.count; ++i) {
            const int fd = i == 0 ? wake_.read_end.get() : children_[i - 1].pidfd;
            entries.list[i] = {.fd = fd, .events = POLLIN, .revents = 0};
        }
        return true;
    }

    /// By pidfd where that is possible, since something else may have reaped the child
    /// and its number be that of another one. The number alone is the child's own as long
    /// as nothing does.
    [[nodiscard]] static bool is_reaped(pid_t pid, int pidfd) noexcept {
        if (pidfd >= 0) {
            siginfo_t info{};
            rusage usage{};
            const auto waited =
                platform::pidfd_wait(pidfd, WEXITED | WNOHANG, info, usage);
            if (waited) return info.si_pid != 0;
            if (waited.code() == ECHILD) return true;
        }
        const pid_t reaped = ::waitpid(pid, nullptr, WNOHANG);
        return reaped == pid || (reaped < 0 && errno == ECHILD);
    }

    std::mutex mutex_;  ///< guards what follows
    PlainList<Child> children_;
    bool is_running_ = false;
    bool is_woken_ = false;
    Pipe wake_;
    Entries entries_;  ///< the thread's own; a member, so that a fork leaves it reachable
};

/// Leaves a child to the reaper of this process. @return, throws as `Reaper::adopt` does.
[[nodiscard]] inline Result<void> leave_to_reaper(pid_t pid, UniqueFd pidfd) {
    return of_this_process<Reaper>().adopt(pid, std::move(pidfd));
}

}  // namespace pyproc::posix
