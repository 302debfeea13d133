// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/bootstrap.hpp"
#include "pyproc/multiprocessing/child_handle.hpp"
#include "pyproc/multiprocessing/parent_link.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/multiprocessing/server_link.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/posix/at_fork.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/socket.hpp"

namespace pyproc::multiprocessing::detail {

/// What a child of the server is told of itself, ahead of the bytes of its arguments.
struct Launch {
    Identity identity;
    std::string name;
    bool is_daemon = false;
    Identity parents_identity;
    std::string parents_name;
    bool is_parent_daemon = false;
    pid_t parent = 0;
    std::string directory;  ///< to change to; empty to stay
    std::array<std::byte, sizeof(sigset_t)> blocked_signals{};
    bool keeps_lifeline =
        false;               ///< whether the request's socket is to show that it lives
    std::uint64_t task = 0;  ///< address of a `Parcel::Task`; 0 for none
};

/// Comes first, so that the child knows how much there is to read.
struct LaunchSizes {
    std::uint64_t launch = 0;
    std::uint64_t arguments = 0;
};

inline void send_report(int socket, Report report) noexcept {
    // Whoever asked may have gone.
    static_cast<void>(
        posix::send_some(socket, reinterpret_cast<const char*>(&report), sizeof report));
}

/// Reads `size` bytes; false where the stream ends before.
[[nodiscard]] inline bool receive_all(int socket, void* to, std::size_t size) {
    auto* at = static_cast<char*>(to);
    while (size > 0) {
        const auto got = posix::read_some(socket, at, size);
        if (!got || *got == 0) return false;
        at += *got;
        size -= *got;
    }
    return true;
}

/// The server: a process with one thread that forks a child whenever it is asked.
///
/// It is a fork of the program, as this was then, with no descriptor of it but the
/// standard ones, and an empty standard input. It blocks all signals. It ends when the
/// program has ended, or ends it.
///
/// The children are the program's, as if it had forked them itself, where the system can
/// do that. Elsewhere they are the server's, who reports how they have ended.
///
/// Python:  `multiprocessing.forkserver.main`.
class ForkServer {
public:
    ForkServer(int control, pid_t program) : control_{control}, program_{program} {}

    [[noreturn]] void run() noexcept {
        close_all_but(control_);
        drop_inherited_output();
        detach_input();
        Registry::forget_lifeline();
        auto pidfd = posix::platform::pidfd_open(program_);
        if (pidfd) program_pidfd_ = std::move(*pidfd);
        for (;;) {
            if (::getppid() != program_) ::_exit(EXIT_SUCCESS);
            if (wait_for_work()) serve_one();
        }
    }

private:
    /// A child of the server's own.
    struct Ward {
        pid_t pid;
        posix::UniqueFd socket;  ///< for the report of its end
    };

    static void close_all_but(int kept) noexcept {
        // No descriptor can have a higher number, unless the limit has been lowered.
        const long most = ::sysconf(_SC_OPEN_MAX);
        const int limit = most > 0 ? static_cast<int>(most) : 1024;
        posix::platform::close_descriptors(STDERR_FILENO + 1, kept - 1, limit);
        posix::platform::close_descriptors(kept + 1, INT32_MAX, limit);
    }

    /// @return Whether there is a request.
    [[nodiscard]] bool wait_for_work() noexcept {
        enum { control, program, wake, count };
        pollfd entries[count] = {
            {.fd = control_, .events = POLLIN, .revents = 0},
            {.fd = program_pidfd_.get(), .events = POLLIN, .revents = 0},
            {.fd = wake_.read_end.get(), .events = POLLIN, .revents = 0}};
        // Without a pidfd the end of the program shows at the socket, unless a child that
        // something else has forked has inherited that.
        constexpr int look_again = 1000;  // milliseconds
        ::poll(entries, count, program_pidfd_ ? -1 : look_again);
        if (entries[program].revents != 0) ::_exit(EXIT_SUCCESS);
        if (entries[wake].revents != 0) report_ended();
        return entries[control].revents != 0;
    }

    void serve_one() noexcept try {
        auto received = posix::receive_descriptors(control_, 1);
        if (received && received->is_end) ::_exit(EXIT_SUCCESS);
        // Else there was no number left for it. Who asked sees the socket closed.
        if (!received || received->fds.empty()) return;
        posix::UniqueFd socket = std::move(received->fds.front());
        wards_.reserve(wards_.size() + 1);

        const posix::AroundFork around;
        const auto pid = fork_child();
        if (pid && *pid == 0) {
            around.after_in_child();
            live(std::move(socket));
        }
        around.after_in_parent();
        if (!pid) {
            send_report(socket.get(), {Report::Kind::failed, 0, pid.code()});
        } else if (are_wards_) {
            wards_.push_back({*pid, std::move(socket)});
        } else if (has_pidfds()) {
            // The child says so, too; this is in case that it is killed before it does,
            // as that is in case that the server is. Who asked hears the first of them.
            send_report(socket.get(), {Report::Kind::started, *pid, 0});
        }
    } catch (...) {
        // No memory. Who asked sees the socket closed.
    }

    /// @return 0 in the child.
    [[nodiscard]] posix::Result<pid_t> fork_child() noexcept {
        if (!are_wards_) {
            auto pid = posix::platform::fork_sibling();
            const bool is_passing = pid.code() == EAGAIN || pid.code() == ENOMEM;
            if (pid || is_passing) return pid;
            if (const auto watching = watch_children(); !watching)
                return watching.error();
        }
        const pid_t pid = ::fork();
        if (pid < 0) return posix::Error{errno};
        return pid;
    }

    /// From now on the children are the server's.
    [[nodiscard]] posix::Result<void> watch_children() noexcept {
        auto pipe = posix::make_pipe();
        if (!pipe) return pipe.error();
        wake_ = std::move(*pipe);
        ::fcntl(wake_.read_end.get(), F_SETFL, O_NONBLOCK);
        ::fcntl(wake_.write_end.get(), F_SETFL, O_NONBLOCK);
        waker = wake_.write_end.get();
        struct sigaction action {};
        action.sa_handler = [](int) {
            const int saved = errno;
            static_cast<void>(::write(waker, "", 1) == 1);
            errno = saved;
        };
        sigfillset(&action.sa_mask);
        ::sigaction(SIGCHLD, &action, &programs_action_);
        sigset_t only;
        sigemptyset(&only);
        sigaddset(&only, SIGCHLD);
        ::pthread_sigmask(SIG_UNBLOCK, &only, nullptr);
        are_wards_ = true;
        return {};
    }

    void report_ended() noexcept {
        char bytes[64];
        while (::read(wake_.read_end.get(), bytes, sizeof bytes) > 0) continue;
        for (std::size_t i = wards_.size(); i-- > 0;) {
            siginfo_t info{};
            const int seen = ::waitid(P_PID, static_cast<id_t>(wards_[i].pid), &info,
                                      WEXITED | WNOHANG | WNOWAIT);
            if (seen != 0 || info.si_pid == 0) continue;
            // Reported first, since by reaping it its number is set free.
            const int status = info.si_code == CLD_EXITED ? (info.si_status & 0xff) << 8
                                                          : info.si_status;
            send_report(wards_[i].socket.get(),
                        {Report::Kind::ended, wards_[i].pid, status});
            ::waitpid(wards_[i].pid, nullptr, 0);
            wards_[i] = std::move(wards_.back());
            wards_.pop_back();
        }
    }

    /// The life of a child.
    [[noreturn]] void live(posix::UniqueFd socket) noexcept try {
        ::close(control_);
        program_pidfd_.reset();
        if (are_wards_) {
            sigset_t all;
            sigfillset(&all);
            ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
            ::sigaction(SIGCHLD, &programs_action_, nullptr);
            wake_ = {};
            wards_.clear();
        }
        const auto kind =
            are_wards_ ? Report::Kind::started_by_server : Report::Kind::started;
        send_report(socket.get(), {kind, ::getpid(), 0});
        LaunchSizes sizes;
        if (!receive_all(socket.get(), &sizes, sizeof sizes)) ::_exit(EXIT_FAILURE);
        std::vector<std::byte> bytes(sizes.launch);
        std::vector<std::byte> arguments(sizes.arguments);
        if (!receive_all(socket.get(), bytes.data(), bytes.size()) ||
            !receive_all(socket.get(), arguments.data(), arguments.size())) {
            ::_exit(EXIT_FAILURE);  // the program has ended
        }
        const auto launch = decode<Launch>(bytes);
        if (!are_wards_ && !launch.keeps_lifeline) socket.reset();
        const auto self = std::make_shared<ProcessState>(launch.identity, launch.parent,
                                                         launch.name, launch.is_daemon);
        const auto parent =
            std::make_shared<ProcessState>(launch.parents_identity, pid_t{0},
                                           launch.parents_name, launch.is_parent_daemon);
        Registry::enter_child(Registry::for_child(
            self, Parent{parent, launch.parent, !are_wards_}, socket.release()));
        sigset_t blocked;
        static_assert(sizeof blocked == sizeof launch.blocked_signals);
        std::memcpy(&blocked, launch.blocked_signals.data(), sizeof blocked);
        ::pthread_sigmask(SIG_SETMASK, &blocked, nullptr);
        live_as_child(self, [&] {
            if (!launch.directory.empty() && ::chdir(launch.directory.c_str()) != 0) {
                throw_os_error(errno, "chdir", launch.directory);
            }
            if (launch.task == 0) return;
            reinterpret_cast<Parcel::Task>(launch.task)(arguments);
        });
    } catch (...) {
        ::_exit(EXIT_FAILURE);  // no memory
    }

    static inline int waker = -1;

    const int control_;
    const pid_t program_;
    posix::UniqueFd program_pidfd_;
    posix::Pipe wake_;  ///< written to by the handler of SIGCHLD
    bool are_wards_ = false;
    std::vector<Ward> wards_;
    struct sigaction programs_action_ {};
};

/// Forks the server that listens on `control`.
[[nodiscard]] inline std::pair<pid_t, posix::UniqueFd> fork_server(int control) {
    Registry& registry = Registry::here();
    // For its children: the server itself does not end by std::exit.
    const ChildsExitHandler handler{registry};
    flush_streams();
    const pid_t program = ::getpid();
    sigset_t before;
    sigset_t all;
    sigfillset(&all);
    const posix::AroundFork around;
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    std::unique_lock forking{registry.forking()};
    const pid_t pid = ::fork();
    const int code = errno;
    if (pid == 0) {
        around.after_in_child();
        ForkServer{control, program}.run();
    }
    forking.unlock();
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    around.after_in_parent();
    if (pid < 0) throw_os_error(code, "fork");
    auto pidfd = posix::platform::pidfd_open(pid);
    return {pid, pidfd ? std::move(*pidfd) : posix::UniqueFd{}};
}

/// Has the server run, and end with the program.
inline void ensure_server() {
    Registry::here().finish_children_at_exit();  // which ends the server, too
    ServerLink::here().ensure_running(fork_server);
}

}  // namespace pyproc::multiprocessing::detail
