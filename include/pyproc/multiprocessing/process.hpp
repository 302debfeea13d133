// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <typeinfo>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/child_handle.hpp"
#include "pyproc/multiprocessing/context.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/parent_link.hpp"
#include "pyproc/multiprocessing/popen_fork.hpp"
#include "pyproc/multiprocessing/popen_forkserver.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

/// How a process differs from others of its parent.
struct ProcessOptions {
    /// Whether the process is terminated, instead of waited for, when its parent ends.
    /// Such a process may not have children. Unset: as the process that makes it.
    std::optional<bool> daemon = std::nullopt;

    /// What it is called in reports. Empty: after its class and its place in the family,
    /// `Process-1`, and for the second child of that one `Process-1:2`.
    std::string name = {};
};

/// A function that runs in a process of its own.
///
///     Process p(whoami, "I'm function 0");
///     p.start();
///     p.join();
///
/// The child is a fork: it has a copy of all that the parent has in memory at `start`,
/// or, with the start method "forkserver", at `set_start_method`; and what either changes
/// from then on the other does not see. It reads an empty standard input. When the target
/// returns, throws, or ends its thread by pthread_exit, the child writes out the standard
/// streams and ends, with no destructor and no exit handler of its parent's run. Other
/// streams of C it closes itself, as before Python's `os._exit`: what it leaves in their
/// buffers is lost.
///
/// To end it from anywhere, throw `SystemExit(n)`. `std::exit(n)` runs no handler of the
/// parent's either, but first destroys the thread_local objects that the thread that
/// called `start` had there; and the exit code is 1, whatever n, where C does not tell
/// handlers the status: in musl, and under `PYPROC_PORTABLE`. `std::quick_exit` runs the
/// parent's at_quick_exit handlers and writes nothing out.
///
/// At a normal end of the program (`main` returns, or `std::exit`), children that are
/// daemons get a SIGTERM, which they must not block as their parent may, and all children
/// are waited for; not so at an end by an uncaught exception, unlike in Python. The
/// destructor of a started `Process` neither kills nor waits: `active_children` finds it.
/// To run code of a class of your own, derive and override `run`.
///
/// With the start method "forkserver" the target must be a function, a member function,
/// or a callable that travels as those without state do, as lambdas without captures; and
/// the arguments must travel, see `serialize.hpp`. So does a `const char*`, by its
/// characters. Anything else `start` refuses, and objects of derived classes too.
///
/// Threads: calls on the same object are safe, but for moving and destroying it. The
///          child has only the thread that called `start`, and a lock that another one
///          held then is held there for ever: the child of a program with threads must
///          not wait for locks of that program. Those of this library and of the C
///          library's streams and memory it may use; that of the exit handlers, which
///          std::exit and `start` take, unless just then another thread of the program
///          registered one, as the first use of a static object does, too. Such a one
///          may run at the child's std::exit.
/// Python:  `multiprocessing.Process`.
class Process {
public:
    /// A process that does nothing, unless a derived class overrides `run`.
    Process() : Process{ProcessOptions{}} {}
    explicit Process(ProcessOptions options) : state_{make_state(std::move(options))} {}

    /// A process that will call `target(args...)`, on copies of both, as std::thread
    /// does: pass by `std::ref` what is to be a reference; the child sees its own copy of
    /// that.
    template <detail::NoneOf<Process, ProcessOptions> Target, class... Args>
    explicit Process(Target&& target, Args&&... args)
        : Process{ProcessOptions{}, std::forward<Target>(target),
                  std::forward<Args>(args)...} {}

    /// The same, with options: `Process p({.name = "loopy"}, loopy, "loopy")`.
    template <class Target, class... Args>
    Process(ProcessOptions options, Target&& target, Args&&... args)
        : state_{make_state(std::move(options))},
          target_{detail::make_target(std::forward<Target>(target),
                                      std::forward<Args>(args)...)} {}

    Process(Process&& other) noexcept
        : state_{std::move(other.state_)},
          target_{std::move(other.target_)},
          class_{other.original_class()} {}
    Process& operator=(Process&& other) noexcept {
        class_ = other.original_class();
        state_ = std::move(other.state_);
        target_ = std::move(other.target_);
        return *this;
    }
    virtual ~Process() = default;

    template <detail::ProperlyDerivedFrom<Process> Sliced>
    Process(Sliced&& its_run_would_be_lost) = delete;
    template <detail::ProperlyDerivedFrom<Process> Sliced>
    Process& operator=(Sliced&& its_run_would_be_lost) = delete;

    /// What the child does: calls the target. The parent may call it, too, but once: the
    /// arguments are moved into the call.
    virtual void run() {
        if (target_) target_->call();
    }

    /// Starts the child.
    ///
    /// First writes out the standard streams; what is in others the parent alone writes.
    /// The parent's copy of the target and its arguments is destroyed.
    ///
    /// @throws std::logic_error  It has been started before, or belongs to another
    ///                           process, or the calling process is a daemon, or it was
    ///                           moved here from an object of a derived class; or it has
    ///                           something that can't be sent to the fork server.
    /// @throws ValueError        It is closed.
    /// @throws OSError           The system refuses another process or descriptor; it may
    ///                           be started again.
    /// @throws std::runtime_error  One fork server after the other was killed; likewise.
    void start();

    /// Waits until the process has ended.
    ///
    /// @throws std::logic_error  It has not been started, or not by this process, whose
    ///                           parent it is not either.
    /// @throws ValueError        It is closed.
    void join() { static_cast<void>(join(posix::Timeout{})); }

    /// Waits until the process has ended, but no longer than `limit`: any chrono
    /// duration.
    ///
    /// @return Whether it has ended.
    bool join(posix::Timeout limit) {
        if (is_parent()) return parent().wait_until(posix::Deadline::after(limit));
        detail::ChildHandle& child = started_child("join");
        if (!child.wait_until(posix::Deadline::after(limit))) return false;
        detail::Registry::here().forget(state_);
        return true;
    }

    /// Whether the process is running: started and not ended, or the calling process.
    [[nodiscard]] bool is_alive() const {
        state().require_open();
        if (is_current()) return true;
        if (is_parent()) return parent().is_alive();
        require_creator("test");
        detail::ChildHandle* const child = state().child();
        if (child == nullptr) return false;
        if (!child->poll()) return true;
        detail::Registry::here().forget(state_);
        return false;
    }

    /// Asks the process to end, by SIGTERM: by default it dies at once, its output that
    /// is still in a buffer is lost, and its own children live on. Nothing if it has
    /// ended.
    void terminate() { send_signal(SIGTERM); }

    /// Ends the process by SIGKILL, which it can't refuse. Nothing if it has ended.
    void kill() { send_signal(SIGKILL); }

    /// Its pid; `nullopt` until it has been started.
    [[nodiscard]] std::optional<pid_t> pid() const {
        state().require_open();
        if (is_current()) return ::getpid();
        if (is_parent()) return parent().pid();
        const pid_t pid = state().pid();
        return pid == 0 ? std::nullopt : std::optional{pid};
    }

    /// As `pid`.
    [[nodiscard]] std::optional<pid_t> ident() const { return pid(); }

    /// Its exit code, or -n if signal n ended it; `nullopt` until it has ended. It stays
    /// so if something else has reaped the child: then nobody can say.
    [[nodiscard]] std::optional<int> exitcode() const {
        state().require_open();
        detail::ChildHandle* const child =
            state().is_creator_here() ? state().child() : nullptr;
        if (child == nullptr) return std::nullopt;
        const auto end = child->poll();
        if (!end || end->is_lost) return std::nullopt;
        return end->status.returncode();
    }

    /// What it is called in reports, see `ProcessOptions`.
    [[nodiscard]] std::string name() const {
        const std::string* const name = state().name();
        return name != nullptr ? *name : default_name();
    }

    /// Gives it another name; a child that runs keeps that of its start.
    void set_name(std::string name) { state().set_name(std::move(name)); }

    /// @see ProcessOptions::daemon
    [[nodiscard]] bool daemon() const { return state().is_daemon(); }

    /// @throws std::logic_error  It has been started.
    void set_daemon(bool is_daemon) { state().set_daemon(is_daemon); }

    /// A descriptor for poll(2): POLLIN or POLLHUP say that the process has ended. It
    /// belongs to the process and stays open until `close`, or until nothing refers to
    /// the process.
    ///
    /// Without pidfds it is a pipe: it may tell of the end a moment before `exitcode`
    /// does, which `join` bridges, and it tells of an exec(3) by the child as of its end;
    /// of the parent there is none.
    ///
    /// @throws ValueError  It has not been started.
    [[nodiscard]] int sentinel() {
        state().require_open();
        if (is_parent()) return parent().sentinel().or_throw("sentinel");
        if (is_current() || state().pid() == 0) throw ValueError{"process not started"};
        require_creator("wait for");
        return state().sentinel();
    }

    /// Gives up what the object holds. All further use but `name` and `daemon` is a
    /// `ValueError`. On the current process and its parent it does nothing.
    ///
    /// @throws ValueError  The process is still running.
    void close();

private:
    friend Process current_process();
    friend std::optional<Process> parent_process();
    friend std::vector<Process> active_children();

    explicit Process(detail::SharedState state) noexcept : state_{std::move(state)} {}

    [[nodiscard]] static detail::SharedState make_state(ProcessOptions options) {
        detail::Registry& registry = detail::Registry::here();
        return std::make_shared<detail::ProcessState>(
            registry.next_identity(), ::getpid(), std::move(options.name),
            options.daemon.value_or(registry.current()->is_daemon()));
    }

    [[nodiscard]] detail::ProcessState& state() const {
        if (!state_) throw std::logic_error{"process object has been moved from"};
        return *state_;
    }

    [[nodiscard]] bool is_current() const {
        return state_ == detail::Registry::here().current();
    }

    [[nodiscard]] static detail::ParentLink& parent() {
        return detail::Registry::here().parent();
    }
    [[nodiscard]] bool is_parent() const { return state_ && state_ == parent().state(); }

    [[nodiscard]] const std::type_info* original_class() const noexcept {
        return class_ != nullptr ? class_ : &typeid(*this);
    }

    [[nodiscard]] std::string default_name() const {
        return detail::short_type_name(typeid(*this)) + '-' +
               detail::to_text(state().identity());
    }

    void require_creator(const std::string& deed) const {
        if (state().is_creator_here()) return;
        throw std::logic_error{"can only " + deed + " a child process"};
    }

    [[nodiscard]] detail::ChildHandle& started_child(const std::string& deed) const {
        state().require_open();
        require_creator(deed);
        detail::ChildHandle* const child = state().child();
        if (child == nullptr) {
            throw std::logic_error{"can only " + deed + " a started process"};
        }
        return *child;
    }

    void send_signal(int signal) {
        detail::ChildHandle& child =
            started_child(signal == SIGKILL ? "kill" : "terminate");
        const auto sent = child.send_signal(signal);
        if (!sent && sent.code() != ESRCH) sent.or_throw("kill");
    }

    /// Refuses what `Process(Sliced&&)` can't: a derived object moved by a reference to
    /// its base, as std::vector<Process>::push_back does.
    void require_class() const {
        if (*original_class() == typeid(*this)) return;
        throw std::logic_error{
            "cannot start a process that was moved out of an object of class " +
            detail::short_type_name(*class_) + ": its run() has stayed behind"};
    }

    /// What is to be called in a process of the fork server's, where there is no object
    /// of a derived class.
    [[nodiscard]] detail::Parcel pack() const {
        if (typeid(*this) == typeid(Process)) {
            return target_ ? target_->pack() : detail::Parcel{};
        }
        throw std::logic_error{"cannot start an object of class " +
                               detail::short_type_name(typeid(*this)) +
                               " by the fork server: it can't be sent there; use Process "
                               "with a function, or "
                               "the start method \"fork\""};
    }

    detail::SharedState state_;  ///< none if moved from
    std::unique_ptr<detail::Target> target_;
    const std::type_info* class_ = nullptr;  ///< it had where it was moved from, if so
};

/// The calling process: in the main program it is called `MainProcess`.
[[nodiscard]] inline Process current_process() {
    return Process{detail::Registry::here().current()};
}

/// The process that has started this one, as it was called then; none in the main
/// program.
///
/// It can be waited for and looked at: `name`, `pid`, `is_alive`, `join`, `sentinel`.
///
/// Python:  `multiprocessing.parent_process`.
[[nodiscard]] inline std::optional<Process> parent_process() {
    const detail::SharedState& parent = detail::Registry::here().parent().state();
    if (!parent) return std::nullopt;
    return Process{parent};
}

/// The children that were started and have not ended, in the order in which they were
/// started. Each object shares what is known of its child with the one that started it.
///
/// Reaps those that have ended, as each `start` does too: no zombie outlives the next
/// call.
[[nodiscard]] inline std::vector<Process> active_children() {
    std::vector<Process> children;
    for (detail::SharedState& child : detail::Registry::here().active_children()) {
        children.push_back(Process{std::move(child)});
    }
    return children;
}

inline void Process::start() {
    detail::ProcessState& mine = state();
    mine.require_open();
    require_class();
    mine.claim_start();
    try {
        if (!mine.is_creator_here()) {
            throw std::logic_error{
                "can only start a process object created by current process"};
        }
        if (detail::Registry::here().current()->is_daemon()) {
            throw std::logic_error{"daemonic processes are not allowed to have children"};
        }
        mine.name_unless_named(default_name());
        if (detail::settle_start_method() == detail::StartMethod::forkserver) {
            detail::start_by_server(state_, pack());
        } else {
            detail::start_by_fork(state_, [this] { run(); });
        }
    } catch (...) {
        mine.unclaim_start();
        throw;
    }
    target_.reset();
}

inline void Process::close() {
    detail::ProcessState& mine = state();
    if (is_current() || is_parent()) return;
    if (mine.pid() != 0) {
        require_creator("close");
        if (!mine.child()->poll()) {
            throw ValueError{
                "Cannot close a process while it is still running. "
                "You should first call join() or terminate()."};
        }
        detail::Registry::here().forget(state_);
    }
    mine.close();
}

}  // namespace pyproc::multiprocessing
