// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>

#include "pyproc/asyncio/child.hpp"
#include "pyproc/asyncio/errors.hpp"
#include "pyproc/asyncio/stream.hpp"
#include "pyproc/asyncio/wait.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/encoding.hpp"
#include "pyproc/subprocess/growth.hpp"
#include "pyproc/subprocess/text.hpp"

namespace pyproc::asyncio {

using subprocess::Output;

/// How much of a child's output is taken, if that is to be limited.
inline constexpr std::size_t no_limit = std::string::npos;

/// Gives a child its input, collects its output and waits for its end: all at once, so
/// that none of its pipes can fill up while another is waited for.
///
/// It is over when the pipes and the child have ended; once it has been cancelled, or the
/// child abandoned, when the child has ended, whoever may hold its pipes. Dropped before
/// that, it kills the child.
///
/// Threads: what it does is done on a strand of its own. `cancel` may be called by any.
class Conversation : public std::enable_shared_from_this<Conversation> {
public:
    /// Why it is over.
    enum class Reason { ended, cancelled, over_limit, failed };

    /// What came of it.
    struct Result {
        Reason reason;
        error_code code;  ///< of a pipe that can't be read or written, or `no_memory`
        Output output;
    };

    /// Is told the result, once.
    class Listener {
    public:
        Listener() = default;
        Listener(const Listener&) = delete;
        Listener& operator=(const Listener&) = delete;
        virtual ~Listener() = default;
        virtual void finish(Result result) = 0;
    };

    Conversation(std::shared_ptr<Child> child, WriteStream in, ReadStream out,
                 ReadStream err, std::string input, std::size_t limit)
        : child_{std::move(child)},
          strand_{asio::make_strand(child_->get_executor())},
          in_{std::move(in)},
          out_{std::move(out)},
          err_{std::move(err)},
          input_{std::move(input)},
          rest_{input_},
          room_{limit} {}
    Conversation(const Conversation&) = delete;
    Conversation& operator=(const Conversation&) = delete;
    ~Conversation() {
        if (!is_over_) child_->kill();
    }

    void start(std::unique_ptr<Listener> listener) {
        listener_ = std::move(listener);
        asio::dispatch(strand_, [self = shared_from_this()] {
            self->watch_child();
            self->feed();
            self->collect(self->out_, self->piece_out_, self->output_.std_out);
            self->collect(self->err_, self->piece_err_, self->output_.std_err);
        });
    }

    /// Signals the child, and goes on until it has ended.
    void cancel(asio::cancellation_type type) {
        child_->cancel(type);
        asio::dispatch(strand_, [self = shared_from_this(), type] {
            const bool is_killed = (type & asio::cancellation_type::terminal) !=
                                   asio::cancellation_type::none;
            self->cut_short(Reason::cancelled, is_killed);
        });
    }

private:
    void watch_child() {
        auto done = [self = shared_from_this()](error_code code, int) {
            self->has_child_ended_ = true;
            // Its `Process` has gone, or given it up.
            if (code && self->reason_ == Reason::ended) self->reason_ = Reason::cancelled;
            if (self->reason_ != Reason::ended) self->drain_pipes();
            self->finish_if_over();
        };
        asio::any_io_executor executor = strand_;
        auto token = asio::bind_executor(strand_, std::move(done));
        asio::async_compose<decltype(token), void(error_code, int)>(
            WaitOp{child_, OnCancel::leave_child}, token, executor);
    }

    void feed() {
        if (in_.is_open() && rest_.empty()) close(in_);
        if (!in_.is_open()) return finish_if_over();
        in_.async_write_some(
            asio::buffer(rest_),
            asio::bind_executor(strand_, [self = shared_from_this()](
                                             error_code code, std::size_t written) {
                self->rest_.remove_prefix(written);
                // A child that stops reading is not an error: the rest is dropped.
                if (code) close(self->in_);
                if (code && code != asio::error::broken_pipe) self->fail(code);
                self->feed();
            }));
    }

    void collect(ReadStream& from, std::unique_ptr<char[]>& piece, std::string& into) {
        if (is_draining_ && from.is_open()) drain(from, into);
        if (!from.is_open()) return finish_if_over();
        constexpr std::size_t size = 64 * 1024;
        // Not zeroed: a child may write little.
        if (piece == nullptr) piece.reset(new (std::nothrow) char[size]);
        if (piece == nullptr) return fail(asio::error::no_memory);
        from.async_read_some(
            asio::buffer(piece.get(), size),
            asio::bind_executor(strand_, [self = shared_from_this(), &from, &piece,
                                          &into](error_code code, std::size_t got) {
                if (got != 0 && self->is_taking())
                    self->take(from, {piece.get(), got}, into);
                if (code && !self->is_draining_) {
                    close(from);
                    if (code != asio::error::eof) self->fail(code);
                }
                self->collect(from, piece, into);
            }));
    }

    void take(ReadStream& from, std::string_view bytes, std::string& into) {
        const bool is_too_much = bytes.size() > room_;
        if (is_too_much) bytes = bytes.substr(0, room_);
        if (room_ != no_limit) room_ -= bytes.size();
        const bool was_short = into.size() <= usual_pipe_size;
        try {
            subprocess::make_room(into, bytes.size());
            into.append(bytes);
        } catch (const std::bad_alloc&) {
            // Let out, it would come from the loop, and nobody would read on.
            return fail(asio::error::no_memory);
        }
        if (was_short && into.size() > usual_pipe_size) {
            // Made to hold as much as any user may have, so that the two sides wait for
            // each other less often. One that can't be had is no loss.
            constexpr int most = 1 << 20;
            static_cast<void>(posix::platform::resize_pipe(from.native_handle(), most));
        }
        if (!is_too_much) return;
        child_->kill();
        cut_short(Reason::over_limit, true);
    }

    [[nodiscard]] bool is_taking() const noexcept {
        return reason_ == Reason::ended || reason_ == Reason::cancelled;
    }

    /// From now on only the child's end is waited for.
    void cut_short(Reason reason, bool is_at_once) {
        if (is_over_) return;
        if (reason_ == Reason::ended) reason_ = reason;
        if (is_at_once) {
            close_pipes();
        } else if (has_child_ended_) {
            drain_pipes();
        }
        finish_if_over();
    }

    /// A pipe failed, or there is no memory. Pipes that were closed here did not fail.
    void fail(error_code code) {
        if (reason_ != Reason::ended) return;
        code_ = code;
        child_->kill();
        cut_short(Reason::failed, true);
    }

    static void close(asio::posix::stream_descriptor& pipe) {
        error_code ignored;
        pipe.close(ignored);
    }

    void close_pipes() {
        close(in_);
        close(out_);
        close(err_);
    }

    /// Takes what the child has written by its end, and no more: somebody else may hold
    /// its pipes for ever. Reads that are pending come to `collect` first, since they may
    /// have taken a piece already.
    void drain_pipes() {
        is_draining_ = true;
        close(in_);
        error_code ignored;
        if (out_.is_open()) out_.cancel(ignored);
        if (err_.is_open()) err_.cancel(ignored);
    }

    void drain(ReadStream& from, std::string& into) {
        constexpr std::size_t most = 1 << 20;  // what a pipe may hold
        std::size_t taken = 0;
        char piece[4096];
        error_code ignored;
        from.native_non_blocking(true, ignored);
        while (taken < most && from.is_open()) {
            const auto got = posix::read_some(from.native_handle(), piece, sizeof piece);
            if (!got || *got == 0) break;
            taken += *got;
            if (is_taking()) take(from, {piece, *got}, into);
        }
        close(from);
    }

    void finish_if_over() {
        const bool is_complete =
            has_child_ended_ && !in_.is_open() && !out_.is_open() && !err_.is_open();
        if (!is_complete || std::exchange(is_over_, true)) return;
        listener_->finish({reason_, code_, std::move(output_)});
        listener_.reset();
    }

    static constexpr std::size_t usual_pipe_size = 64 * 1024;

    std::shared_ptr<Child> child_;
    asio::strand<asio::any_io_executor> strand_;
    WriteStream in_;
    ReadStream out_;
    ReadStream err_;
    const std::string input_;
    std::string_view rest_;  ///< what of it the child has not been given yet
    std::size_t room_;       ///< what of the limit is left
    Output output_;
    std::unique_ptr<char[]> piece_out_;
    std::unique_ptr<char[]> piece_err_;
    std::unique_ptr<Listener> listener_;
    Reason reason_ = Reason::ended;
    error_code code_;
    bool has_child_ended_ = false;
    bool is_draining_ = false;
    bool is_over_ = false;
};

/// A conversation as an implementation for `boost::asio::async_compose` with the
/// signature `void(Error, Output)`.
///
/// @tparam Error  `std::exception_ptr` or `error_code`.
template <class Error>
class ConversationOp {
public:
    /// @param failed  Why there is no conversation, if there is none.
    ConversationOp(std::shared_ptr<Conversation> talk, std::exception_ptr failed,
                   subprocess::TextMode mode)
        : talk_{std::move(talk)}, failed_{std::move(failed)}, mode_{std::move(mode)} {}

    template <class Self>
    void operator()(Self& self) {
        if (failed_ != nullptr) {
            if (std::exchange(is_posted_, true)) {
                return self.complete(to_error<Error>(std::move(failed_)), Output{});
            }
            asio::post(std::move(self));
            return;
        }
        // From here on only what the conversation waits for keeps it alive: it owns this.
        const auto talk = std::move(talk_);
        self.reset_cancellation_state(
            [weak = std::weak_ptr<Conversation>{talk}](asio::cancellation_type type) {
                if (const auto alive = weak.lock()) alive->cancel(type);
                return type;
            },
            [](asio::cancellation_type) { return asio::cancellation_type::none; });
        talk->start(std::make_unique<ListenerFor<Self>>(std::move(self)));
    }

    template <class Self>
    void operator()(Self& self, Conversation::Result result) {
        std::exception_ptr error;
        try {
            require_success(result);
            for (std::string* text : {&result.output.std_out, &result.output.std_err}) {
                subprocess::TextDecoder{mode_}.decode(*text, 0, true);
            }
        } catch (...) {
            error = std::current_exception();
        }
        self.complete(to_error<Error>(std::move(error)), std::move(result.output));
    }

private:
    template <class Self>
    class ListenerFor final : public Conversation::Listener {
    public:
        explicit ListenerFor(Self&& self) : self_{std::move(self)} {}

        void finish(Conversation::Result result) override {
            const auto executor = asio::get_associated_executor(self_);
            asio::post(executor, asio::bind_executor(
                                     executor, [self = std::move(self_),
                                                result = std::move(result)]() mutable {
                                         self(std::move(result));
                                     }));
        }

    private:
        Self self_;
    };

    static void require_success(const Conversation::Result& result) {
        using Reason = Conversation::Reason;
        switch (result.reason) {
            case Reason::ended: return;
            case Reason::cancelled:
                throw boost::system::system_error{asio::error::operation_aborted};
            case Reason::over_limit:
                throw LimitOverrunError{result.output.std_out, result.output.std_err};
            case Reason::failed:
                if (result.code == asio::error::no_memory) throw std::bad_alloc{};
                throw_os_error(result.code.value(),
                               "cannot read or write a pipe of the child");
        }
    }

    std::shared_ptr<Conversation> talk_;
    std::exception_ptr failed_;
    subprocess::TextMode mode_;
    bool is_posted_ = false;
};

}  // namespace pyproc::asyncio
