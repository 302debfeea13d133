// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <utility>

#include <sys/uio.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/cancellation_state.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "pyproc/posix/signal_mask.hpp"

namespace pyproc::asyncio {

namespace asio = boost::asio;
using boost::system::error_code;

/// The caller's end of a child's standard output or standard error: Asio's own stream.
///
/// Python: `asyncio.StreamReader`, for whose methods there are `async_read_until` and the
/// like.
using ReadStream = asio::posix::stream_descriptor;

/// The caller's end of a child's standard input: Asio's own stream, but a child that no
/// longer reads is an error, `boost::asio::error::broken_pipe`, and never a SIGPIPE,
/// which would end the program.
///
/// Threads: one at a time, as for Asio's.
/// Python:  `asyncio.StreamWriter`.
class WriteStream : public asio::posix::stream_descriptor {
public:
    using asio::posix::stream_descriptor::stream_descriptor;

    /// Writes a first part of the buffers, and sleeps until that is possible.
    ///
    /// @return The number of bytes.
    /// @throws boost::system::system_error  broken_pipe, when nobody reads.
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers) {
        error_code code;
        const std::size_t written = write_some(buffers, code);
        if (code) throw boost::system::system_error{code, "write_some"};
        return written;
    }
    template <class Buffers>
    std::size_t write_some(const Buffers& buffers, error_code& code) {
        const posix::SigpipeBlocked sigpipe;
        const std::size_t written =
            asio::posix::stream_descriptor::write_some(buffers, code);
        if (code == asio::error::broken_pipe) sigpipe.discard_raised();
        return written;
    }

    /// Writes a first part of the buffers once that is possible: what `async_write` and
    /// the like are made of. Any token with the signature `void(error_code, size_t)`.
    ///
    /// The stream must stay where it is, closed or not, until that is complete.
    template <class Buffers, class Token = asio::use_awaitable_t<>>
    auto async_write_some(const Buffers& buffers, Token&& token = {}) {
        return asio::async_compose<Token, void(error_code, std::size_t)>(
            WriteOp<Buffers>{*this, buffers}, token, *this);
    }

private:
    template <class Buffers>
    class WriteOp {
    public:
        WriteOp(WriteStream& stream, const Buffers& buffers)
            : stream_{&stream}, buffers_{buffers} {}

        template <class Self>
        void operator()(Self& self, error_code code = {}) {
            switch (std::exchange(next_, Next::write)) {
                case Next::start:
                    self.reset_cancellation_state(asio::enable_total_cancellation());
                    write_now();
                    if (!is_blocked()) {
                        // Never from within the call that began it.
                        next_ = Next::complete;
                        asio::post(stream_->get_executor(), std::move(self));
                        return;
                    }
                    break;
                case Next::write:
                    if (code) return self.complete(code, 0);
                    write_now();
                    if (!is_blocked()) return self.complete(code_, written_);
                    break;
                case Next::complete: return self.complete(code_, written_);
            }
            stream_->async_wait(wait_write, std::move(self));
        }

    private:
        enum class Next { start, write, complete };

        [[nodiscard]] bool is_blocked() const noexcept {
            return code_ == asio::error::would_block;
        }

        /// Not by `write_some`, which would sleep in the call.
        void write_now() {
            code_.clear();
            if (!stream_->native_non_blocking())
                stream_->native_non_blocking(true, code_);
            if (code_) return;
            constexpr std::size_t most = 64;
            iovec parts[most];
            std::size_t count = 0;
            const auto end = asio::buffer_sequence_end(buffers_);
            for (auto at = asio::buffer_sequence_begin(buffers_); at != end; ++at) {
                const asio::const_buffer buffer{*at};
                if (buffer.size() == 0) continue;
                parts[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
                if (count == most) break;
            }
            if (count == 0) return;
            const posix::SigpipeBlocked sigpipe;
            ssize_t written = -1;
            do {
                written =
                    ::writev(stream_->native_handle(), parts, static_cast<int>(count));
            } while (written < 0 && errno == EINTR);
            if (written >= 0) {
                written_ = static_cast<std::size_t>(written);
                return;
            }
            code_.assign(errno, boost::system::system_category());
            if (errno == EPIPE) sigpipe.discard_raised();
        }

        WriteStream* stream_;
        Buffers buffers_;
        Next next_ = Next::start;
        error_code code_;
        std::size_t written_ = 0;
    };
};

}  // namespace pyproc::asyncio
