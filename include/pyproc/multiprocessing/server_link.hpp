// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/per_process.hpp"
#include "pyproc/posix/process_handle.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/socket.hpp"

namespace pyproc::multiprocessing::detail {

/// This process's connection to its fork server, if it has one.
///
/// Threads: any member may be called by any thread at any time, but for those that say
///          otherwise.
class ServerLink {
public:
    /// That of the calling process. A forked child has none of its parent's.
    [[nodiscard]] static ServerLink& here() {
        if (ServerLink* const known = find()) return *known;
        auto& made = posix::of_this_process<ServerLink>();
        latest_ = &made;
        return made;
    }

    /// The same, but null if it has never been asked for.
    [[nodiscard]] static ServerLink* find() noexcept {
        ServerLink* const known = latest_;
        return known != nullptr && known->process_ == ::getpid() ? known : nullptr;
    }

    /// Held around a fork, so that the child finds the link whole.
    [[nodiscard]] std::mutex& mutex() noexcept { return mutex_; }

    /// In a forked child, with `mutex` held by the fork: closes what it has inherited of
    /// its parent's link. Otherwise the server would outlive the parent with the child.
    void leave_to_parent() const noexcept {
        if (control_) ::close(control_.get());
    }

    /// Has the server run: starts one if there is none, or it has ended.
    ///
    /// @param start  Forks a server that listens on the socket it is given, and returns
    ///               its pid and pidfd. Runs with `mutex` held.
    template <class Start>
    void ensure_running(Start start) {
        const std::lock_guard lock{mutex_};
        if (control_ && server_->poll()) stop_locked();
        if (!control_) start_locked(start);
    }

    /// Hands the server a socket, over which the one who asks talks with the new child.
    template <class Start>
    void request(int socket, Start start) {
        const std::lock_guard lock{mutex_};
        if (!control_) start_locked(start);
        auto sent = send(socket);
        if (is_lost(sent)) {
            stop_locked();
            start_locked(start);
            sent = send(socket);
        }
        sent.or_throw("sendmsg");
    }

    /// After a request that was lost: if the server is about to end, as one that was
    /// killed, waits until it has, so that the next request goes to a new one.
    void settle() {
        using namespace std::chrono_literals;
        const std::lock_guard lock{mutex_};
        if (control_ && server_->wait_until(posix::Deadline::after(1s))) stop_locked();
    }

    /// Ends the server, which leaves its children alone, and waits until it has gone.
    void stop() noexcept {
        const std::lock_guard lock{mutex_};
        if (control_) stop_locked();
    }

    /// The number of the server; 0 if there is none.
    [[nodiscard]] pid_t pid() {
        const std::lock_guard lock{mutex_};
        return control_ ? server_->pid() : 0;
    }

    /// The directory that its children start in; empty if that is not known.
    [[nodiscard]] std::string directory() {
        const std::lock_guard lock{mutex_};
        return directory_;
    }

    /// As getcwd(3) says; empty where it says nothing.
    [[nodiscard]] static std::string current_directory() {
        char path[4096];  // longer ones are as if they had been removed
        return ::getcwd(path, sizeof path) == nullptr ? std::string{} : std::string{path};
    }

private:
    template <class Start>
    void start_locked(Start& start) {
        auto sockets = posix::make_stream_sockets().or_throw("socketpair");
        directory_ = current_directory();
        auto [pid, pidfd] = start(sockets.second.get());
        server_.emplace(pid, std::move(pidfd));
        control_ = std::move(sockets.first);
    }

    void stop_locked() noexcept {
        // Closing is not enough: a process that the program has forked by itself has the
        // socket, too.
        ::shutdown(control_.get(), SHUT_RDWR);
        control_.reset();
        server_->wait();
        server_.reset();
    }

    [[nodiscard]] posix::Result<void> send(int socket) const {
        const int fds[] = {socket};
        return posix::send_descriptors(control_.get(), '!', fds);
    }

    [[nodiscard]] static bool is_lost(const posix::Result<void>& sent) noexcept {
        return sent.code() == EPIPE || sent.code() == ECONNRESET;
    }

    static inline constinit std::atomic<ServerLink*> latest_ = nullptr;

    const pid_t process_ = ::getpid();
    std::mutex mutex_;  ///< guards what follows
    posix::UniqueFd control_;
    std::optional<posix::ProcessHandle>
        server_;  ///< there is one while there is control_
    std::string directory_;
};

}  // namespace pyproc::multiprocessing::detail
