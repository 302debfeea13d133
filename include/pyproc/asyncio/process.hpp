// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <signal.h>
#include <sys/types.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pyproc/asyncio/arguments.hpp"
#include "pyproc/asyncio/child.hpp"
#include "pyproc/asyncio/communicate.hpp"
#include "pyproc/asyncio/errors.hpp"
#include "pyproc/asyncio/stream.hpp"
#include "pyproc/asyncio/wait.hpp"
#include "pyproc/posix/rusage.hpp"
#include "pyproc/subprocess/encoder.hpp"
#include "pyproc/subprocess/encoding.hpp"
#include "pyproc/subprocess/start_child.hpp"
#include "pyproc/subprocess/text.hpp"

namespace pyproc::asyncio {

using spawn::DEVNULL;
using spawn::Identity;
using spawn::INHERIT;
using spawn::Limit;

using spawn::PIPE;
using spawn::Redirect;
using spawn::STDOUT;

namespace detail {

/// Where streams belong that are never opened. Never destroyed, since they may be
/// destroyed last of all.
inline asio::any_io_executor nowhere() {
    static auto* const context = new asio::io_context;
    return context->get_executor();
}

}  // namespace detail

/// A child process, waited for by an execution context of Asio's.
///
///     Process p = co_await create_subprocess_exec({"date"}, {.std_out = PIPE});
///     auto [out, err] = co_await p.communicate();
///
/// An operation that is cancelled while it waits for the child ends it: a terminal
/// cancellation, which is what `||` and the end of a coroutine make, by SIGKILL, a
/// partial one by SIGTERM and a total one by SIGINT; if it may be any of them, by the
/// first. The operation is complete, with `operation_aborted`, when the child has ended
/// and has been reaped, so one that ignores SIGTERM has to be cancelled again. Destroying
/// the `Process`, a pending operation or the execution context kills the child, and reaps
/// it without blocking a thread that runs the context; operations that wait for the child
/// of a destroyed `Process` are complete, with `operation_aborted`, when it has ended.
///
/// Like Asio's own objects it must not outlive its execution context: so a coroutine that
/// `run` runs must not return one.
///
/// Threads: as for Asio's streams, one at a time; `pid`, `returncode` and the signalling
///          members at any time.
/// Python:  `asyncio.subprocess.Process`, for which cancelling means nothing to the
/// child:
///          that is what `async_wait` does.
class Process {
public:
    /// Stands for no process. (The first that is made so opens three descriptors, for
    /// good: those of the context that such ones belong to.)
    Process() : Process{detail::nowhere()} {}
    explicit Process(const asio::any_io_executor& executor)
        : std_in{executor}, std_out{executor}, std_err{executor} {}

    /// Takes over a child that nobody has waited for.
    Process(const asio::any_io_executor& executor, spawn::Started started)
        : Process{executor} {
        child_ = std::make_shared<Child>(executor);
        child_->take_over(std::move(started));
    }

    Process(Process&&) noexcept = default;
    Process& operator=(Process&& other) noexcept {
        if (this == &other) return *this;
        abandon();
        std_in = std::move(other.std_in);
        std_out = std::move(other.std_out);
        std_err = std::move(other.std_err);
        child_ = std::move(other.child_);
        mode_ = std::move(other.mode_);
        input_ = std::move(other.input_);
        return *this;
    }

    /// Kills a child that still runs; the execution context reaps it.
    ~Process() { abandon(); }

    WriteStream std_in;  ///< open if `std_in = PIPE` or `input` was asked for
    ReadStream std_out;  ///< open if `std_out = PIPE` or `capture_output` was asked for
    ReadStream std_err;  ///< open if `std_err = PIPE` or `capture_output` was asked for

    /// Starts a child: what `create_subprocess_exec` does.
    ///
    /// @throws ValueError, OSError, SubprocessError  as the constructor of `Popen` does;
    ///         a ValueError also for `check` and `timeout`, as in Python, whose asyncio
    ///         has neither.
    [[nodiscard]] static Process start(const asio::any_io_executor& executor,
                                       const Args& args, const Options& options) {
        if (options.check) throw ValueError{"check must be false"};
        if (!options.timeout.is_endless()) throw ValueError{"timeout must not be set"};
        Process process{executor};
        process.mode_ =
            subprocess::text_mode(options.encoding, options.errors, options.text);
        if (options.input) process.input_ = *options.input;
        process.child_ = std::make_shared<Child>(executor);
        subprocess::StartedChild started = subprocess::start_child(args, options);
        process.child_->take_over(std::move(started.child));
        open(process.std_in, std::move(started.ours.in));
        open(process.std_out, std::move(started.ours.out));
        open(process.std_err, std::move(started.ours.err));
        return process;
    }

    [[nodiscard]] asio::any_io_executor get_executor() { return std_in.get_executor(); }

    /// The child's number; 0 if this stands for none. Once it has been waited for, a
    /// stranger may get it.
    [[nodiscard]] pid_t pid() const noexcept {
        return child_ == nullptr ? 0 : child_->pid();
    }

    /// The exit code, or minus the signal's number; `nullopt` as long as the child runs.
    [[nodiscard]] std::optional<int> returncode() const {
        const auto end = ended();
        if (!end) return std::nullopt;
        return end->status.returncode();
    }

    /// What the child used; all zeros as long as it runs.
    [[nodiscard]] posix::Rusage rusage() const {
        const auto end = ended();
        return end ? posix::to_rusage(end->usage) : posix::Rusage{};
    }

    /// Sends a signal. One to a child that has been reaped goes nowhere, where Python
    /// raises ProcessLookupError.
    ///
    /// @throws OSError  EINVAL for a number that is no signal, EPERM for a child that has
    ///                  become somebody else's.
    void send_signal(int signal) {
        if (child_ == nullptr) return;
        const auto sent = child_->send_signal(signal);
        if (sent.code() != ESRCH)
            sent.or_throw("cannot send a signal to the child (kill)");
    }

    /// Asks the child to end: sends SIGTERM.
    void terminate() { send_signal(SIGTERM); }

    /// Ends the child at once: sends SIGKILL.
    void kill() { send_signal(SIGKILL); }

    /// Waits until the child has ended. Cancelled, it ends the child; see above.
    ///
    /// A child that writes more to a pipe than that holds never ends if nobody reads, so
    /// with pipes use `communicate`.
    ///
    /// @param token  Any completion token with the signature `void(error_code, int)`.
    /// @return The exit code, or minus the signal's number.
    template <class Token = asio::use_awaitable_t<>>
    auto wait(Token&& token = {}) {
        return wait_for_end<Token>(OnCancel::end_child, token);
    }

    /// Waits until the child has ended. Cancelled, it leaves the child alone.
    ///
    /// Python: `wait`, and what its cancellation means. Boost:
    /// `basic_process::async_wait`.
    template <class Token = asio::use_awaitable_t<>>
    auto async_wait(Token&& token = {}) {
        return wait_for_end<Token>(OnCancel::leave_child, token);
    }

    /// Gives the child its input, collects its output and waits for its end. Takes over
    /// the streams, which are closed from then on. Cancelled, it ends the child.
    ///
    /// @param input  For a child with `std_in = PIPE`; by default `Options::input`.
    /// @param limit  The most that the child may write, to both streams together; a child
    ///               that writes more is killed.
    /// @param token  Any completion token with the signature `void(error_code, Output)`;
    ///               `void(std::exception_ptr, Output)` for those that throw.
    /// @return What the child wrote to those streams that are pipes; as UTF-8 where the
    ///         options name an encoding.
    /// @throws LimitOverrunError   or EMSGSIZE: with what it wrote, up to the limit.
    /// @throws std::bad_alloc      or ENOMEM: for more than there is memory for; the
    /// child
    ///                             is killed.
    /// @throws UnicodeDecodeError  or EILSEQ, for output that can't be decoded.
    /// @throws UnicodeEncodeError  likewise, for input: then nothing has begun.
    /// @throws ValueError          or EINVAL, for input to a child whose standard input
    /// is
    ///                             not a pipe, likewise.
    template <class Token = asio::use_awaitable_t<>>
    requires(!std::convertible_to<Token, std::string>) auto communicate(
        Token&& token = {}) {
        // That of the options can be given only once.
        return converse<Token>(std_in.is_open() ? input_ : std::string{}, no_limit,
                               token);
    }
    template <class Token = asio::use_awaitable_t<>>
    requires(!std::convertible_to<Token, std::size_t>) auto communicate(
        std::string input, Token&& token = {}) {
        return converse<Token>(std::move(input), no_limit, token);
    }
    template <class Token = asio::use_awaitable_t<>>
    auto communicate(std::string input, std::size_t limit, Token&& token = {}) {
        return converse<Token>(std::move(input), limit, token);
    }

    /// Gives up the child to the caller, who from now on is the one to wait for it, and
    /// closes the streams. From then on this object stands for no process.
    ///
    /// @throws ProcessLookupError  if there is none, or it has been reaped.
    /// @throws OSError             EMFILE: then nothing has changed.
    [[nodiscard]] spawn::Started release() {
        if (child_ == nullptr) throw_os_error(ESRCH, "cannot give up the child");
        auto pidfd = child_->release().or_throw("cannot give up the child (fcntl)");
        spawn::Started started{child_->pid(), std::move(pidfd)};
        *this = Process{get_executor()};
        return started;
    }

private:
    static void open(asio::posix::stream_descriptor& stream, posix::UniqueFd fd) {
        if (!fd) return;
        stream.assign(fd.get());
        static_cast<void>(fd.release());
    }

    [[nodiscard]] posix::Maybe<posix::Ended> ended() const {
        if (child_ == nullptr || child_->is_given_up()) return {};
        return child_->poll();
    }

    // `Token` is never deduced: for a token that has a name it is a reference, by which
    // Asio knows that it is to be copied and not moved.
    template <class Token>
    auto wait_for_end(OnCancel on_cancel, std::remove_reference_t<Token>& token) {
        if (child_ == nullptr) throw ValueError{"this Process stands for none"};
        asio::any_io_executor executor = get_executor();
        return asio::async_compose<Token, void(error_code, int)>(
            WaitOp{child_, on_cancel}, token, executor);
    }

    template <class Token>
    auto converse(std::string input, std::size_t limit,
                  std::remove_reference_t<Token>& token) {
        using Error = ErrorFor<Token>;
        return asio::async_initiate<Token, void(Error, Output)>(
            [this, limit](auto handler, std::string bytes) {
                std::shared_ptr<Conversation> talk;
                std::exception_ptr failed;
                try {
                    talk = begin_conversation(std::move(bytes), limit);
                } catch (...) {
                    failed = std::current_exception();
                }
                asio::any_io_executor executor = get_executor();
                asio::async_compose<decltype(handler), void(Error, Output)>(
                    ConversationOp<Error>{std::move(talk), std::move(failed), mode_},
                    handler, executor);
            },
            token, std::move(input));
    }

    [[nodiscard]] std::shared_ptr<Conversation> begin_conversation(std::string input,
                                                                   std::size_t limit) {
        if (child_ == nullptr) throw ValueError{"this Process stands for none"};
        if (!input.empty() && !std_in.is_open()) {
            throw ValueError{"input needs std_in = PIPE"};
        }
        subprocess::TextEncoder encoder{mode_};
        std::string encoded;
        const std::string_view bytes = encoder.encode(input, encoded, true);
        if (bytes.data() != input.data()) input = std::string{bytes};
        return std::make_shared<Conversation>(child_, std::move(std_in),
                                              std::move(std_out), std::move(std_err),
                                              std::move(input), limit);
    }

    void abandon() noexcept {
        if (child_ == nullptr) return;
        asyncio::abandon(child_);
        child_.reset();
    }

    std::shared_ptr<Child> child_;
    subprocess::TextMode mode_;
    std::string input_;
};

}  // namespace pyproc::asyncio
