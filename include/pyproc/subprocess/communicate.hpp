// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <poll.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/signal_mask.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/stream.hpp"

namespace pyproc::subprocess {

/// Moves input to a child and output from it until all its pipes have ended: all three at
/// once, so that none can fill up while the caller is busy with another.
///
/// Can be stopped by a deadline and gone on with; nothing is lost between.
class Communication {
public:
    /// Whether anything has been moved yet. From then on no other input may be given.
    [[nodiscard]] bool has_started() const noexcept { return has_started_; }

    /// Takes over the pipes, and `input` with what `in` has held back before it. `input`
    /// is not copied, unless a deadline cuts the next `run_until` short.
    void start(WriteStream& in, ReadStream& out, ReadStream& err,
               std::string_view input) {
        has_started_ = true;
        if (!in.closed()) {
            kept_ = in.take_held();
            if (!kept_.empty()) input = kept_.append(input);
            rest_ = input;
        }
        if (!out.closed()) output_.std_out = out.take_buffered();
        if (!err.closed()) output_.std_err = err.take_buffered();
    }

    /// Goes on until all pipes have ended, and closes each as it ends.
    ///
    /// A child that stops reading is not an error: the rest of the input is dropped.
    ///
    /// @return false if the deadline came first.
    /// @throws OSError  if a pipe can't be read or written.
    [[nodiscard]] bool run_until(WriteStream& in, ReadStream& out, ReadStream& err,
                                 posix::Deadline deadline) {
        const bool is_complete = move_until(in, out, err, deadline);
        if (!is_complete && rest_.data() != kept_.data()) {
            kept_ = rest_;
            rest_ = kept_;
        }
        return is_complete;
    }

    /// What has come so far.
    [[nodiscard]] const Output& output() const noexcept { return output_; }

    [[nodiscard]] Output take_output() noexcept { return std::exchange(output_, {}); }

private:
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
        if (!in.closed()) set_nonblocking(in.fileno());
        for (;;) {
            pollfd entries[] = {entry(in, POLLOUT), entry(out, POLLIN),
                                entry(err, POLLIN)};
            const int ready =
                posix::poll_until(std::span{entries}, deadline).or_throw("poll");
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

    static void set_nonblocking(int fd) {
        // Of our end of the pipe alone: the child's end is another open file.
        const int flags = ::fcntl(fd, F_GETFL);
        if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
            throw_os_error(errno, "fcntl");
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
    static bool collect(ReadStream& from, std::string& into) {
        char piece[32 * 1024];
        const std::size_t got =
            posix::read_some(from.fileno(), piece, sizeof piece).or_throw("read");
        if (got == 0) {
            from.close();
            return false;
        }
        const std::size_t known = into.size();
        into.append(piece, got);
        if (from.is_text()) from.newlines().translate(into, known);
        return true;
    }

    bool has_started_ = false;
    std::string_view rest_;  ///< the input that the child has not been given yet
    std::string kept_;       ///< what `rest_` is a part of, if it must outlive a call
    Output output_;
};

}  // namespace pyproc::subprocess
