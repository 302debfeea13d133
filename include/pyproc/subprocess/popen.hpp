// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <initializer_list>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <signal.h>
#include <sys/types.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/process_handle.hpp"
#include "pyproc/posix/reaper.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/subprocess/communicate.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/errors.hpp"
#include "pyproc/subprocess/start_child.hpp"
#include "pyproc/subprocess/stream.hpp"

namespace pyproc::subprocess {

using posix::Timeout;
using spawn::DEVNULL;
using spawn::Identity;
using spawn::INHERIT;
using spawn::Limit;
using spawn::Options;
using spawn::PIPE;
using spawn::Redirect;
using spawn::STDOUT;

/// A child process and the caller's ends of its pipes.
///
///     Popen child{{"tr", "a-z", "A-Z"}, {.std_in = PIPE, .std_out = PIPE}};
///     auto [out, err] = child.communicate("hello");
///
/// The destructor does what leaving Python's `with Popen(...)` does: it closes the pipes
/// and waits for the child, without a limit. Who does not want that calls `kill`
/// first.
///
/// Threads: any may call `poll`, `wait`, `returncode`, `pid` and the signalling members
///          at any time, and all get the one true status. Streams, `communicate`,
///          moving and destroying are for one thread at a time.
///          None may be cancelled (pthread_cancel) in a member. A start reads the
///          environment, so not beside a thread that changes it.
/// Python:  `subprocess.Popen`.
class Popen {
public:
    /// Starts a child. Returns once its program is running.
    ///
    /// @param args     The command; see `Args`.
    /// @param options  How the child differs from its caller; see `Options`. `input`,
    ///                 `timeout` and `check` are kept for `communicate` and `wait`.
    /// @throws ValueError  for an empty command, an embedded NUL, an encoding or an error
    ///                     handler that is not known, or options that contradict each
    ///                     other.
    /// @throws OSError     if the program can't be executed (its name is the `filename`),
    ///                     the working directory not entered (likewise), a file not
    ///                     opened or a process not made. Nothing is left behind then:
    ///                     no child, no descriptor.
    explicit Popen(Args args, Options options = {})
        : Popen{new State{std::move(args), std::move(options)}} {
        start();
    }

    /// The same for a braced list, which could else be meant for the move constructor.
    explicit Popen(std::initializer_list<Arg> args, Options options = {})
        : Popen{Args{args}, std::move(options)} {}

    Popen(Popen&& other) noexcept
        : std_in{std::move(other.std_in)},
          std_out{std::move(other.std_out)},
          std_err{std::move(other.std_err)},
          state_{other.state_} {
        other.state_ = nullptr;
    }
    Popen& operator=(Popen&& other) noexcept {
        if (this == &other) return *this;
        finish();
        std_in = std::move(other.std_in);
        std_out = std::move(other.std_out);
        std_err = std::move(other.std_err);
        state_ = other.state_;
        other.state_ = nullptr;
        return *this;
    }
    ~Popen() { finish(); }

    WriteStream std_in;  ///< open if `std_in = PIPE` or `input` was asked for
    ReadStream std_out;  ///< open if `std_out = PIPE` or `capture_output` was asked for
    ReadStream std_err;  ///< open if `std_err = PIPE` or `capture_output` was asked for

    /// The command, as it was given.
    [[nodiscard]] const Args& args() const { return state().args; }

    /// The child's number. Once it has been waited for, a stranger may get it.
    [[nodiscard]] pid_t pid() const { return handle().pid(); }

    /// The exit code, or minus the signal's number; `nullopt` as long as no `poll`,
    /// `wait` or `communicate` has seen the child's end.
    [[nodiscard]] std::optional<int> returncode() const {
        const auto end = handle().ended();
        if (!end) return std::nullopt;
        return end->status.returncode();
    }

    /// Looks whether the child has ended, without blocking. @return as `returncode`.
    std::optional<int> poll() {
        const auto end = handle().poll();
        if (!end) return std::nullopt;
        return end->status.returncode();
    }

    /// Sleeps until the child has ended, as long as `Options::timeout` allows.
    ///
    /// A child that writes more to a pipe than that holds never ends if nobody reads, so
    /// with pipes use `communicate`.
    ///
    /// @return The exit code, or minus the signal's number. 0 if the status is lost,
    ///         because SIGCHLD is ignored or something else has reaped the child.
    /// @throws TimeoutExpired      when the limit has passed; the child runs on, and
    ///                             `wait` may be called again.
    /// @throws CalledProcessError  under `Options::check`, for a child that failed.
    int wait() { return wait(state().options.timeout); }

    /// The same with a limit of its own.
    int wait(Timeout timeout) {
        State& now = state();
        const auto end = handle().wait_until(posix::Deadline::after(timeout));
        if (!end) throw TimeoutExpired{now.args, timeout.limit()};
        const int code = end->status.returncode();
        if (now.options.check && code != 0) throw CalledProcessError{code, now.args};
        return code;
    }

    /// Gives the child its input, collects its output and waits for its end.
    ///
    /// @param input    For a child with `std_in = PIPE`; by default `Options::input`.
    /// @param timeout  For the whole; by default `Options::timeout`. Holds even while a
    ///                 grandchild keeps a pipe open.
    /// @return What the child wrote to those streams that are pipes. What was read from
    ///         them before is not in it.
    /// @throws TimeoutExpired      with what has come so far, in bytes: as in Python,
    /// text
    ///                             is decoded, and its newlines are translated, once it
    ///                             is complete. Call again to go on; nothing is lost.
    /// @throws CalledProcessError  under `Options::check`, with the output.
    /// @throws UnicodeEncodeError  for input that can't be encoded, before any is
    /// written.
    /// @throws UnicodeDecodeError  for output that can't be decoded, after the child has
    ///                             ended. The exception has the bytes.
    /// @throws ValueError          for input to a child whose standard input is not a
    ///                             pipe, or other input in a call that goes on.
    /// @throws OSError             if a pipe can't be read or written. A child that does
    ///                             not read all its input is no error.
    Output communicate(posix::Maybe<std::string_view> input = {}) {
        return communicate(input, state().options.timeout);
    }
    Output communicate(posix::Maybe<std::string_view> input, Timeout timeout) {
        State& now = state();
        const auto deadline = posix::Deadline::after(timeout);
        start_communication(now, input);
        auto& talk = now.communication;
        const bool is_read = talk.run_until(std_in, std_out, std_err, deadline);
        const auto end =
            is_read ? handle().wait_until(deadline) : posix::Maybe<posix::Ended>{};
        if (!end) {
            throw TimeoutExpired{now.args, timeout.limit(), talk.output().std_out,
                                 talk.output().std_err};
        }
        Output output = talk.take_output(std_out, std_err);
        const int code = end->status.returncode();
        if (now.options.check && code != 0) {
            throw CalledProcessError{code, now.args, std::move(output.std_out),
                                     std::move(output.std_err)};
        }
        return output;
    }

    /// Lets the child run on by itself, and closes the caller's ends of its pipes. Nobody
    /// can wait for it any more; it is reaped when it ends, so it leaves no zombie. From
    /// then on this object is as if moved from.
    ///
    /// To go on reading a pipe, move the stream out first. A shared library that calls
    /// this must not be unloaded as long as such a child lives.
    ///
    /// @throws OSError  EMFILE, EAGAIN if the descriptors or the thread that this takes
    ///                  can't be had: then nothing has changed.
    void detach() {
        posix::ProcessHandle& child = handle();
        if (!child.poll()) {
            auto pidfd = duplicate_pidfd_if_any();
            if (pidfd.code() != ESRCH) {
                auto owned = std::move(pidfd).or_throw(
                    "cannot duplicate the child's pidfd (fcntl)");
                posix::leave_to_reaper(child.pid(), std::move(owned))
                    .or_throw(
                        "cannot leave the child to be reaped (pipe, pthread_create)");
            }
        }
        forget();
    }

    /// Gives up the child to the caller, who from now on is the one to wait for it, and
    /// closes the caller's ends of its pipes. From then on this object is as if moved
    /// from.
    ///
    /// To keep a pipe, move the stream out first.
    ///
    /// @return The child's number and a pidfd for it, which is empty where there are
    /// none.
    /// @throws ProcessLookupError  if the child has been reaped: then nothing has
    /// changed.
    /// @throws OSError             EMFILE, likewise.
    [[nodiscard]] spawn::Started release() {
        spawn::Started released{
            pid(), duplicate_pidfd_if_any().or_throw("cannot give up the child (fcntl)")};
        forget();
        return released;
    }

    /// Sends a signal. One to a child that has been reaped goes nowhere.
    ///
    /// @throws OSError  EINVAL for a number that is no signal, EPERM for a child that has
    ///                  become somebody else's.
    void send_signal(int signal) {
        const auto sent = handle().send_signal(signal);
        if (sent.code() != ESRCH)
            sent.or_throw("cannot send a signal to the child (kill)");
    }

    /// Asks the child to end: sends SIGTERM.
    void terminate() { send_signal(SIGTERM); }

    /// Ends the child at once: sends SIGKILL.
    void kill() { send_signal(SIGKILL); }

    /// A descriptor of the caller's own that stands for the child; it polls readable once
    /// the child has ended.
    ///
    /// @throws OSError  ESRCH when the child has been reaped, ENOSYS without pidfds.
    [[nodiscard]] posix::UniqueFd pidfd() const {
        return handle().duplicate_pidfd().or_throw("pidfd_open");
    }

    /// What the child used; all zeros before its end has been seen.
    [[nodiscard]] posix::Rusage rusage() const {
        const auto end = handle().ended();
        return end ? posix::to_rusage(end->usage) : posix::Rusage{};
    }

private:
    /// What stays in its place when a Popen moves, because other threads may be using it.
    struct State {
        State(Args&& the_args, Options&& the_options)
            : args{std::move(the_args)}, options{std::move(the_options)} {}

        Args args;
        Options options;
        posix::ProcessHandle handle;  ///< stands for none until the child is there
        Communication communication;
    };

    /// The one constructor that cannot fail, so that the destructor cleans up after a
    /// start that does.
    explicit Popen(State* state) noexcept : state_{state} {}

    void start() {
        const Options& options = state_->options;
        const TextMode mode = text_mode(options.encoding, options.errors, options.text);
        TextEncoder to_child{mode};
        TextDecoder from_out{mode};
        TextDecoder from_err{mode};
        StartedChild started = start_child(state_->args, options);
        // From here on nothing can throw, or the child would have no owner.
        state_->handle.take_over(started.child.pid, std::move(started.child.pidfd));
        std_in = WriteStream{std::move(started.ours.in), std::move(to_child)};
        std_out = ReadStream{std::move(started.ours.out), std::move(from_out)};
        std_err = ReadStream{std::move(started.ours.err), std::move(from_err)};
    }

    [[nodiscard]] State& state() const {
        if (state_ == nullptr) throw std::logic_error{"this Popen has been moved from"};
        return *state_;
    }

    [[nodiscard]] posix::ProcessHandle& handle() const { return state().handle; }

    void start_communication(State& now, posix::Maybe<std::string_view> input) {
        auto& talk = now.communication;
        if (talk.has_started()) {
            if (input && !input->empty()) {
                throw ValueError{"Cannot send input after starting communication"};
            }
            return;
        }
        if (!input && now.options.input) input = std::string_view{*now.options.input};
        if (input && !input->empty() && std_in.closed()) {
            throw ValueError{"input needs std_in = PIPE"};
        }
        talk.start(std_in, std_out, std_err, input ? *input : std::string_view{},
                   now.options.pipesize < 0);
    }

    /// A pidfd of the caller's own, or nothing where there are none.
    [[nodiscard]] posix::Result<posix::UniqueFd> duplicate_pidfd_if_any() const {
        auto pidfd = handle().duplicate_pidfd();
        if (pidfd.code() == ENOSYS) return posix::UniqueFd{};
        return pidfd;
    }

    /// Leaves the child to somebody else.
    void forget() noexcept {
        close_streams();
        delete state_;
        state_ = nullptr;
    }

    void close_streams() noexcept {
        std_out.close();
        std_err.close();
        // Dropping what it held back if the child no longer wants it: nobody is left to
        // be told.
        std_in = WriteStream{};
    }

    void finish() noexcept {
        if (state_ == nullptr) return;
        close_streams();
        if (state_->handle.pid() != 0) state_->handle.wait();
        delete state_;
        state_ = nullptr;
    }

    /// Owned. (`<memory>` would cost every user of this header a sixth of what it costs.)
    State* state_ = nullptr;
};

}  // namespace pyproc::subprocess
