// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <list>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/child_handle.hpp"
#include "pyproc/multiprocessing/forkserver.hpp"
#include "pyproc/multiprocessing/popen_fork.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/multiprocessing/server_link.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/socket.hpp"

namespace pyproc::multiprocessing::detail {

[[nodiscard]] inline Launch launch_of(const ProcessState& child, const Parcel& parcel) {
    const ProcessState& self = *Registry::here().current();
    Launch launch;
    launch.identity = child.identity();
    launch.name = *child.name();
    launch.is_daemon = child.is_daemon();
    launch.parents_identity = self.identity();
    launch.parents_name = *self.name();
    launch.is_parent_daemon = self.is_daemon();
    launch.parent = ::getpid();
    launch.directory = ServerLink::current_directory();
    if (launch.directory == ServerLink::here().directory()) launch.directory.clear();
    sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    std::memcpy(launch.blocked_signals.data(), &blocked, sizeof blocked);
    launch.keeps_lifeline = !has_pidfds();
    launch.task = reinterpret_cast<std::uint64_t>(parcel.task);
    return launch;
}

/// The launch with its size and that of the arguments ahead.
[[nodiscard]] inline std::vector<std::byte> message_of(const Launch& launch,
                                                       std::size_t arguments) {
    const LaunchSizes sizes{encoded_size(launch), arguments};
    std::vector<std::byte> message(sizeof sizes + sizes.launch);
    std::memcpy(message.data(), &sizes, sizeof sizes);
    encode_into(std::span{message}.subspan(sizeof sizes), launch);
    return message;
}

/// Sends all; what can't be sent the child says by its end.
inline void send_all(int socket, const std::vector<std::byte>& bytes) {
    const auto* at = reinterpret_cast<const char*>(bytes.data());
    for (std::size_t left = bytes.size(); left > 0;) {
        const auto sent = posix::send_some(socket, at, left);
        if (!sent) return;
        at += *sent;
        left -= *sent;
    }
}

/// Receives the first report. That of the end is left for the `ChildHandle`: the child of
/// a server that has it for its own may be killed before it says a word.
[[nodiscard]] inline bool receive_report(int socket, Report& report) {
    ssize_t got = -1;
    do {
        got = ::recv(socket, &report, sizeof report, MSG_PEEK | MSG_WAITALL);
    } while (got < 0 && errno == EINTR);
    if (got != sizeof report) return false;
    if (report.kind == Report::Kind::ended) return true;
    return receive_all(socket, &report, sizeof report);
}

/// Starts a child by the fork server.
///
/// A server that is killed before it has forked is replaced, once.
///
/// Python:  `multiprocessing.popen_forkserver.Popen`.
inline void start_by_server(const SharedState& state, const Parcel& parcel) {
    Registry& registry = Registry::here();
    static_cast<void>(registry.active_children());  // reaps
    registry.finish_children_at_exit();
    ensure_server();
    std::list<SharedState> entry{state};
    const auto message = message_of(launch_of(*state, parcel), parcel.arguments.size());
    flush_streams();

    constexpr int tries = 2;
    for (int i = 0; i < tries; ++i) {
        auto sockets = posix::make_stream_sockets().or_throw("socketpair");
        ServerLink::here().request(sockets.second.get(), fork_server);
        sockets.second.reset();
        send_all(sockets.first.get(), message);
        send_all(sockets.first.get(), parcel.arguments);
        Report report{};
        if (!receive_report(sockets.first.get(), report)) {
            ServerLink::here().settle();
            continue;
        }
        if (report.kind == Report::Kind::failed) throw_os_error(report.value, "fork");

        if (report.kind == Report::Kind::started) {
            posix::UniqueFd lifeline;
            if (!has_pidfds()) lifeline = std::move(sockets.first);
            welcome(registry, entry, report.pid, std::move(lifeline));
        } else {
            state->set_started({report.pid, std::move(sockets.first)});
            registry.add(entry);
        }
        return;
    }
    throw std::runtime_error{
        "the fork server has ended before it had started the process, and so has another "
        "one: were they killed, for want of memory?"};
}

}  // namespace pyproc::multiprocessing::detail
