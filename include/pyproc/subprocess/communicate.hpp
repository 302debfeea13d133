// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/signal_mask.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/growth.hpp"
#include "pyproc/subprocess/stream.hpp"

namespace pyproc::subprocess {

/// Moves input to a child and output from it until all its pipes have ended: all three at
/// once, so that none can fill up while the caller is busy with another.
///
/// Can be stopped by a deadline and gone on with; nothing is lost between. Bytes are what
/// it moves: input is encoded before the first, output decoded after the last.
class Communication {
public:
    /// Whether anything has been moved yet. From then on no other input may be given.
    [[nodiscard]] bool has_started() const noexcept { return has_started_; }

    /// Takes over the pipes, and `input` with what `in` has held back before it. `input`
    /// is not copied, unless it has to be encoded, or the next `run_until` ends before
    /// all of it is written.
    ///
    /// @param may_widen  Whether a pipe through which much goes may be made to hold more.
    /// @throws UnicodeEncodeError  if `input` can't be encoded; nothing has started then.
    void start(WriteStream& in, ReadStream& out, ReadStream& err, std::string_view input,
               bool may_widen = true) {
        if (!in.closed()) rest_ = in.take_all(input, kept_);
        has_started_ = true;
        may_widen_ = may_widen;
        if (rest_.size() > usual_pipe_size) widen(in.fileno());
        decoded_out_ = take_over(out, output_.std_out);
        decoded_err_ = take_over(err, output_.std_err);
    }

    /// Goes on until all pipes have ended, and closes each as it ends.
    ///
    /// A child that stops reading is not an error: the rest of the input is dropped.
    ///
    /// @return false if the deadline came first.
    /// @throws OSError  if a pipe can't be read or written.
    [[nodiscard]] bool run_until(WriteStream& in, ReadStream& out, ReadStream& err,
                                 posix::Deadline deadline) {
        bool is_complete = false;
        try {
            is_complete = move_until(in, out, err, deadline);
        } catch (...) {
            keep_rest(in);
            throw;
        }
        if (!is_complete) keep_rest(in);
        return is_complete;
    }

    /// What has come so far: bytes, not yet decoded but for what the streams had read
    /// before.
    [[nodiscard]] const Output& output() const noexcept { return output_; }

    /// What has come, as text if that is what the streams carry.
    ///
    /// @throws UnicodeDecodeError  under "strict". The bytes are in the exception alone.
    [[nodiscard]] Output take_output(ReadStream& out, ReadStream& err) {
        Output taken = std::move(output_);
        output_ = {};
        decode(out, taken.std_out, std::exchange(decoded_out_, not_ours));
        decode(err, taken.std_err, std::exchange(decoded_err_, not_ours));
        return taken;
    }

private:
    static constexpr std::size_t not_ours = std::string::npos;

    /// Takes what the stream has read. @return how much of it is decoded already.
    [[nodiscard]] static std::size_t take_over(ReadStream& from, std::string& into) {
        if (from.closed()) return not_ours;
        into = from.take_buffered();
        const std::size_t decoded = into.size();
        into += from.decoder().take_pending();
        return decoded;
    }

    static void decode(ReadStream& from, std::string& text, std::size_t decoded) {
        if (decoded != not_ours) from.decoder().decode(text, decoded, true);
    }

    [[nodiscard]] bool move_until(WriteStream& in, ReadStream& out, ReadStream& err,
                                  posix::Deadline deadline) {
        if (!in.closed() && rest_.empty()) in.close();
        const int open = !in.closed() + !out.closed() + !err.closed();
        // Alone and with no limit, a pipe may block: poll would be a call for nothing.
        if (open == 1 && in.closed() && deadline.is_never()) {
            ReadStream& only = out.closed() ? err : out;
            std::string& into = out.closed() ? output_.std_err : output_.std_out;
            while (collect(only, into)) {
            }
            return true;
        }
        if (open == 0) return true;
        posix::SigpipeBlocked sigpipe;
        const Nonblocking nonblocking{in};
        for (;;) {
            pollfd entries[] = {entry(in, POLLOUT), entry(out, POLLIN),
                                entry(err, POLLIN)};
            const int ready = posix::poll_until(entries, 3, deadline).or_throw("poll");
            if (ready == 0) return false;
            if (entries[0].revents != 0) feed(in, sigpipe);
            if (entries[1].revents != 0) collect(out, output_.std_out);
            if (entries[2].revents != 0) collect(err, output_.std_err);
            if (in.closed() && out.closed() && err.closed()) return true;
            // Output without end keeps poll from ever running into the deadline.
            if (deadline.has_passed()) return false;
        }
    }

    template <class Stream>
    [[nodiscard]] static pollfd entry(const Stream& stream, short events) {
        // poll(2) passes over a negative descriptor.
        return {
            .fd = stream.closed() ? -1 : stream.fileno(), .events = events, .revents = 0};
    }

    /// Makes our end of the pipe non-blocking for as long as it is open and this lives.
    /// The child's end, another open file, stays as it is.
    class Nonblocking {
    public:
        explicit Nonblocking(const WriteStream& in) : in_{in} {
            if (in.closed()) return;
            flags_ = ::fcntl(in.fileno(), F_GETFL);
            if (flags_ < 0 || ::fcntl(in.fileno(), F_SETFL, flags_ | O_NONBLOCK) < 0) {
                throw_os_error(errno, "fcntl");
            }
        }
        ~Nonblocking() {
            if (!in_.closed()) ::fcntl(in_.fileno(), F_SETFL, flags_);
        }
        Nonblocking(const Nonblocking&) = delete;
        Nonblocking& operator=(const Nonblocking&) = delete;

    private:
        const WriteStream& in_;
        int flags_ = 0;
    };

    /// Copies the rest of the input, which the caller keeps no longer than this call.
    /// Where there is no memory for that, the child gets the end of its input.
    void keep_rest(WriteStream& in) {
        const bool is_kept = rest_.data() + rest_.size() == kept_.data() + kept_.size();
        if (rest_.empty() || is_kept) return;
        try {
            kept_ = std::string{rest_};
            rest_ = kept_;
        } catch (const std::bad_alloc&) {
            rest_ = {};
            in.close();
        }
    }

    void feed(WriteStream& in, posix::SigpipeBlocked& sigpipe) {
        const auto put = posix::write_some(in.fileno(), rest_, sigpipe);
        if (put) rest_.remove_prefix(*put);
        if (!put && put.code() != EAGAIN && put.code() != EPIPE) {
            throw_os_error(put.code(), "write");
        }
        if (put.code() == EPIPE) rest_ = {};
        if (rest_.empty()) in.close();
    }

    /// Reads one piece. @return false at the end of the file, which closes `from`.
    bool collect(ReadStream& from, std::string& into) {
        char piece[32 * 1024];
        // Room is made first, and no more read than there is room for: bytes that are out
        // of the pipe must have a place to go to.
        make_room(into, 4096);
        const std::size_t room = into.capacity() - into.size();
        const std::size_t got =
            posix::read_some(from.fileno(), piece,
                             room < sizeof piece ? room : sizeof piece)
                .or_throw("read");
        if (got == 0) {
            from.close();
            return false;
        }
        const std::size_t known = into.size();
        into.append(piece, got);
        if (known <= usual_pipe_size && into.size() > usual_pipe_size) {
            widen(from.fileno());
        }
        return true;
    }

    /// What a pipe holds, and how much there must be to make one hold more worth a call.
    static constexpr std::size_t usual_pipe_size = 64 * 1024;

    /// Makes a pipe hold as much as any user may have, so that the two sides of a long
    /// transfer wait for each other less often.
    void widen(int fd) const noexcept {
        constexpr int most = 1 << 20;
        // One that can't be had, or not by this user, is no loss.
        if (may_widen_) static_cast<void>(posix::platform::resize_pipe(fd, most));
    }

    bool has_started_ = false;
    bool may_widen_ = false;
    std::string_view rest_;  ///< the input that the child has not been given yet
    std::string kept_;       ///< what `rest_` is a part of, if it must outlive a call
    Output output_;
    std::size_t decoded_out_ = not_ours;  ///< how much of it is text already
    std::size_t decoded_err_ = not_ours;
};

}  // namespace pyproc::subprocess
