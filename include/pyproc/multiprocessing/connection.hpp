// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <poll.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/framing.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/socket.hpp"

namespace pyproc::multiprocessing {

/// A message is longer than the memory that it was to be received into.
///
/// Python: `multiprocessing.BufferTooShort`.
class BufferTooShort : public std::runtime_error {
public:
    explicit BufferTooShort(std::string message)
        : std::runtime_error{"a message of " + std::to_string(message.size()) +
                             " bytes is longer than the buffer"},
          message_{std::move(message)} {}

    /// The whole message.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    std::string message_;
};

/// What is known of a descriptor that is to be a connection.
struct ConnectionOptions {
    /// Whether short messages are padded: true for an end of what `Pipe({.duplex =
    /// false})` made, if it came by `send_handle`, and for nothing else. Sockets are
    /// never.
    bool padded = false;

    bool readable = true;
    bool writable = true;
};

/// One end of a connection between two processes, or within one, by which whole messages
/// are sent and received.
///
///     auto [a, b] = Pipe();
///     a.send(std::vector{1, 2, 3});
///     b.recv<std::vector<int>>();  // {1, 2, 3}
///
/// A child forked while there is one has it too: close in each process the ends that it
/// does not use, or nobody notices when the other end is gone. A program that is executed
/// does not inherit it, unless told to.
///
/// Nothing is read ahead: `fileno()` may be given to poll(2), and of processes that share
/// an end each gets what it receives, and nothing that another one would miss.
///
/// An end of file is `EOFError`, or `OSError` if it comes within a message, since the
/// sender was killed; a send that nobody will receive is `BrokenPipeError` and no
/// SIGPIPE. After an error within a message nothing more can be received.
///
/// Threads: an end may be used by several threads, and by several processes, as long as
///          no two send at a time, nor two receive. On Linux they may: messages of up to
///          4,092 bytes stay whole though several are sent at a time, and those of up to
///          16,380, or 124 through a one-way pipe, are received whole though several
///          receive; but not through a `stream`. If one of several senders is killed
///          within a longer message, the next one's is taken for the rest of it: a
///          `Queue` has no such weakness. `close` and moving must come before or after
///          all else.
/// Python:  `multiprocessing.connection.Connection`. The bytes on the way are the same,
/// so
///          that Python can be at the other end: see `PipeOptions::stream`.
class Connection {
public:
    /// Closed.
    Connection() noexcept = default;

    /// An end that is a pipe, a socket, or another descriptor that bytes go through.
    explicit Connection(posix::UniqueFd fd, ConnectionOptions options = {})
        : fd_{std::move(fd)},
          medium_{detail::medium_of(fd_.get(), options.padded)},
          is_readable_{options.readable},
          is_writable_{options.writable} {
        if (!fd_) throw OSError{EBADF, "invalid handle"};
        if (!is_readable_ && !is_writable_) {
            throw ValueError{"at least one of `readable` and `writable` must be true"};
        }
    }

    /// Sends a value of a type that can travel, see `serialize.hpp`. The other end is to
    /// be of the same program, and receives it by `recv` of the same type.
    ///
    /// @throws ValueError       It is a variant without a value, or nested too deep.
    /// @throws BrokenPipeError  The other end is closed.
    /// @throws OSError          This one is closed, or read-only.
    template <class T>
    void send(const T& value) {
        require_travels<T>();
        const detail::Channel to = channel_for_sending();
        const std::size_t size = encoded_size(value);
        if (size <= detail::copied_up_to) {
            detail::send_written(to, size, [&](std::byte* bytes) {
                encode_into(std::span{bytes, size}, value);
            });
        } else {
            std::vector<std::byte> bytes(size);
            encode_into(bytes, value);
            detail::send_message(to, bytes);
        }
    }

    /// Waits for a value.
    ///
    /// @throws DecodeError  The message is no `T`. The next one can be received.
    /// @throws EOFError     The other end is closed and everything has been received.
    /// @throws OSError      as `recv_bytes` does.
    template <class T>
    [[nodiscard]] T recv() {
        require_travels<T>();
        return receive([](detail::Incoming& incoming) {
            if (!incoming.is_amid()) return decode<T>(incoming.at_hand());
            const std::string message = incoming.read();
            return decode<T>(std::as_bytes(std::span{message}));
        });
    }

    /// Sends `message`, which may be empty. Returns when the system has all of it, which
    /// may be before it is received: it waits only if there are too many unread.
    ///
    /// @throws BrokenPipeError  The other end is closed.
    /// @throws OSError          This one is closed, or read-only.
    void send_bytes(std::span<const std::byte> message) {
        detail::send_message(channel_for_sending(), message);
    }
    void send_bytes(std::string_view message) {
        send_bytes(std::as_bytes(std::span{message}));
    }

    /// Waits for a message.
    ///
    /// @throws EOFError  The other end is closed and everything has been received.
    /// @throws OSError   The other end was closed within a message; this one is closed,
    /// or
    ///                   write-only.
    [[nodiscard]] std::string recv_bytes() {
        return recv_bytes(std::numeric_limits<std::size_t>::max());
    }

    /// Waits for a message of at most `maxlength` bytes.
    ///
    /// @throws OSError  It is longer: then nothing more can be received, and a connection
    ///                  that only receives is closed.
    [[nodiscard]] std::string recv_bytes(std::size_t maxlength) {
        return receive([&](detail::Incoming& incoming) {
            if (incoming.length() > maxlength) {
                give_up_receiving();
                detail::Incoming::throw_bad_length();
            }
            return incoming.read();
        });
    }

    /// Waits for a message, and writes it to the beginning of `buffer`.
    ///
    /// @return Its length.
    /// @throws BufferTooShort  It is longer than the buffer. The exception has it.
    [[nodiscard]] std::size_t recv_bytes_into(std::span<std::byte> buffer) {
        std::string too_long;
        const std::size_t size = receive([&](detail::Incoming& incoming) {
            if (incoming.length() > buffer.size()) {
                too_long = incoming.read();
            } else {
                incoming.read_into(reinterpret_cast<char*>(buffer.data()));
            }
            return static_cast<std::size_t>(incoming.length());
        });
        if (size > buffer.size()) throw BufferTooShort{std::move(too_long)};
        return size;
    }

    /// Whether there is something to receive, or the other end is closed; waits for that,
    /// but no longer than `limit`.
    [[nodiscard]] bool poll(
        posix::Timeout limit = std::chrono::nanoseconds::zero()) const {
        require_readable();
        pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        return posix::poll_until(&entry, 1, posix::Deadline::after(limit))
                   .or_throw("poll") > 0;
    }

    /// Sends a duplicate of the descriptor `fd`, which stays the caller's.
    ///
    /// @throws OSError  as `send_bytes` does, and if the connection is no AF_UNIX socket:
    ///                  `Pipe({.duplex = false})` makes none.
    ///
    /// Python: `multiprocessing.reduction.send_handle`.
    /// Source: SCM_RIGHTS in unix(7).
    void send_handle(int fd) {
        const detail::Channel channel = channel_for_sending();
        // Python's receiver compares the byte with the number of descriptors.
        posix::send_descriptors(channel.fd, 1, {&fd, 1}).or_throw("send_handle");
    }

    /// Waits for a descriptor sent by `send_handle`. It is close-on-exec from its first
    /// moment.
    ///
    /// @throws EOFError  The other end is closed and everything has been received.
    /// @throws OSError   What comes is no descriptor: then nothing more can be received.
    ///                   EMFILE if there may be no more open here: this one is lost, the
    ///                   next can be received.
    ///
    /// Python: `multiprocessing.reduction.recv_handle`.
    [[nodiscard]] posix::UniqueFd recv_handle() {
        require_readable();
        auto received = posix::receive_descriptors(fd_.get(), 1);
        // As in `framing.hpp`: says once that the peer has left something unread.
        if (received.code() == ECONNRESET) {
            received = posix::receive_descriptors(fd_.get(), 1);
        }
        if (received && received->is_end) throw EOFError{"the other end is closed"};
        if (received.code() == EBADMSG || (received && received->fds.empty())) {
            give_up_receiving();
            throw OSError{EBADMSG, "recv_handle: no descriptor came"};
        }
        auto handles = std::move(received).or_throw("recv_handle");
        return std::move(handles.fds.front());
    }

    /// Closes this end. Closing twice is allowed.
    void close() noexcept { fd_.reset(); }

    [[nodiscard]] bool closed() const noexcept { return !fd_; }
    [[nodiscard]] bool readable() const noexcept { return is_readable_; }
    [[nodiscard]] bool writable() const noexcept { return is_writable_; }

    /// The descriptor, which stays the connection's. @throws OSError  It is closed.
    [[nodiscard]] int fileno() const {
        require_open();
        return fd_.get();
    }

private:
    void require_open() const {
        if (!fd_) throw OSError{EBADF, "handle is closed"};
    }
    void require_readable() const {
        require_open();
        if (!is_readable_) throw OSError{EBADF, "connection is write-only"};
    }

    [[nodiscard]] detail::Channel channel_for_sending() const {
        require_open();
        if (!is_writable_) throw OSError{EBADF, "connection is read-only"};
        return {.fd = fd_.get(), .medium = medium_};
    }

    /// What `read(Incoming&)` makes of the next message.
    template <class Read>
    std::invoke_result_t<Read, detail::Incoming&> receive(Read read) {
        require_readable();
        detail::Incoming incoming{{.fd = fd_.get(), .medium = medium_}};
        try {
            incoming.begin();
            return read(incoming);
        } catch (...) {
            // Where the next message begins is not known any more.
            if (incoming.is_amid()) give_up_receiving();
            throw;
        }
    }

    void give_up_receiving() noexcept {
        is_readable_ = false;
        if (!is_writable_) close();
    }

    posix::UniqueFd fd_;
    detail::Medium medium_ = detail::Medium::stream;
    bool is_readable_ = false;
    bool is_writable_ = false;
};

/// What kind of connection `Pipe` makes.
struct PipeOptions {
    /// Whether both ends send and receive. If not, the first one receives only, and the
    /// second one sends only, which takes half the time.
    bool duplex = true;

    /// Whether a program without this library, Python say, may be at one end. For that it
    /// must be a plain stream of bytes, in which a small message takes two system calls
    /// to receive, and one that is received by two processes at once is damaged.
    bool stream = false;
};

/// The two ends of a new connection.
///
///     auto [a, b] = Pipe();
///     auto [receiver, sender] = Pipe({.duplex = false});
///
/// @throws OSError  There are no descriptors left.
///
/// Python: `multiprocessing.Pipe`.
/// Source: unix(7), pipe(7).
[[nodiscard]] inline std::pair<Connection, Connection> Pipe(PipeOptions options = {}) {
    if (options.duplex) {
        posix::Result<posix::SocketPair> sockets = posix::Error{ENOSYS};
        if (!options.stream) sockets = posix::make_packet_sockets();
        // Refused or unknown: what is asked for is no more than a preference.
        if (!sockets) sockets = posix::make_stream_sockets();
        auto [first, second] = std::move(sockets).or_throw("socketpair");
        return {Connection{std::move(first)}, Connection{std::move(second)}};
    }
    auto [read_end, write_end] = posix::make_pipe().or_throw("pipe");
    const bool padded = !options.stream;
    return {Connection{std::move(read_end),
                       {.padded = padded, .readable = true, .writable = false}},
            Connection{std::move(write_end),
                       {.padded = padded, .readable = false, .writable = true}}};
}

}  // namespace pyproc::multiprocessing
