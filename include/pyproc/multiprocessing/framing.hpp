// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include <poll.h>
#include <sys/uio.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/poll.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/socket.hpp"
#include "pyproc/posix/write_parts.hpp"

/// How messages go through a descriptor: as Python sends them, a length and so many
/// bytes.
///
/// Two reads would be needed to receive such a message and nothing of the next one; and
/// whatever is read ahead and held back in one process, others that share the descriptor
/// would miss. So that one read will do, where this library is at both ends, a message
/// begins with a packet of its own, through sockets that keep packets apart, or a short
/// one is padded, through pipes.
namespace pyproc::multiprocessing::detail {

/// What messages go through.
enum class Medium : unsigned char {
    stream,         ///< a pipe, or anything that can be read and written
    padded_stream,  ///< the same, whose messages are at least `padded_size` long
    socket,
    packet_socket
};

/// @param is_padded  Whether it is a padded stream, if it is no socket.
[[nodiscard]] inline Medium medium_of(int fd, bool is_padded) noexcept {
    if (posix::platform::keeps_packets(fd)) return Medium::packet_socket;
    if (posix::is_socket(fd)) return Medium::socket;
    return is_padded ? Medium::padded_stream : Medium::stream;
}

/// A descriptor that messages go through, and how long they may take.
struct Channel {
    int fd;
    Medium medium;
    posix::Deadline deadline = {};

    [[nodiscard]] bool is_socket() const noexcept {
        return medium == Medium::socket || medium == Medium::packet_socket;
    }
};

/// The length that stands before a message, as Python writes it: four bytes, the highest
/// first; for more than 2 GiB, -1 and then eight.
struct Header {
    static constexpr std::size_t usual = 4;
    static constexpr std::size_t longest = 12;

    explicit Header(std::uint64_t length) noexcept {
        constexpr std::uint64_t most = 0x7fffffff;
        const bool is_long = length > most;
        if (is_long) put(most * 2 + 1, usual);
        put(length, is_long ? longest - usual : usual);
    }

    char bytes[longest];
    std::size_t size = 0;

private:
    void put(std::uint64_t number, std::size_t width) noexcept {
        for (std::size_t i = width; i-- > 0;) {
            bytes[size++] = static_cast<char>(number >> (8 * i) & 0xff);
        }
    }
};

/// The number in the `width` bytes at `bytes`, the highest first.
[[nodiscard]] inline std::uint64_t big_endian(const char* bytes,
                                              std::size_t width) noexcept {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < width; ++i) {
        number = number << 8 | static_cast<unsigned char>(bytes[i]);
    }
    return number;
}

/// Messages up to this length are copied behind their header: that costs less than to
/// send two pieces. Together they are not more than PIPE_BUF, and so stay together among
/// those of other writers.
inline constexpr std::size_t copied_up_to = 4096 - Header::usual;

/// The least length, header included, of a message in a padded stream. The padding is
/// zeros.
inline constexpr std::size_t padded_size = 128;

/// The longest first packet of a message, header included. Python sends that much as one.
inline constexpr std::size_t first_packet = std::size_t{16} * 1024 + Header::usual;

/// The longest of its other packets that is sent. More would not fit what a socket holds
/// by default in Linux, 208 KiB.
inline constexpr std::size_t longest_packet = std::size_t{128} * 1024;

/// The longest that is received: what Python may send in one.
inline constexpr std::size_t packet_room = std::size_t{256} * 1024;

[[noreturn]] inline void throw_bad_message(std::string_view what) {
    throw OSError{EBADMSG, what};
}

/// Waits until there is something to read, or room to write.
///
/// @throws TimeoutError  The channel's deadline has come.
inline void await(const Channel& channel, short events) {
    pollfd entry{.fd = channel.fd, .events = events, .revents = 0};
    if (posix::poll_until(&entry, 1, channel.deadline).or_throw("poll") == 0) {
        throw TimeoutError{events == POLLIN ? "recv" : "send"};
    }
}

/// Sends a first part of the pieces; through a socket that keeps packets, all or nothing.
[[nodiscard]] inline posix::Result<std::size_t> send_once(const Channel& to, iovec* parts,
                                                          int count) {
    if (!to.deadline.is_never()) await(to, POLLOUT);
    for (bool was_reset = false;;) {
        const auto put =
            !to.is_socket() ? posix::write_parts(to.fd, parts, count)
            : count == 1
                ? posix::send_some(to.fd, static_cast<const char*>(parts->iov_base),
                                   parts->iov_len)
                : posix::send_parts(to.fd, parts, count);
        if (put) return put;
        if (put.code() == EAGAIN || put.code() == EWOULDBLOCK) {
            await(to, POLLOUT);
        } else if (put.code() == ECONNRESET && !was_reset) {
            // Says, once, that the peer has left something unread. What matters here is
            // that it is gone, and that is what the next call says.
            was_reset = true;
        } else {
            return put;
        }
    }
}

/// Sends the bytes in packets as long as the socket takes them.
inline void send_packets(const Channel& to, const char* bytes, std::size_t size) {
    constexpr std::size_t shortest = 1024;
    for (std::size_t length = longest_packet; size > 0;) {
        iovec part{.iov_base = const_cast<char*>(bytes),
                   .iov_len = std::min(size, length)};
        const auto put = send_once(to, &part, 1);
        const bool is_too_long = put.code() == EMSGSIZE || put.code() == ENOBUFS;
        if (is_too_long && length > shortest) {
            length /= 2;
            continue;
        }
        if (!put) throw_os_error(put.code(), "send");
        bytes += *put;
        size -= *put;
    }
}

/// Sends one message, which is given in one or two pieces, its header at the beginning.
inline void send_pieces(const Channel& to, iovec* parts, int count) {
    if (to.medium == Medium::packet_socket) {
        iovec rest{};
        if (count == 2 && parts[0].iov_len + parts[1].iov_len > first_packet) {
            const std::size_t fits = first_packet - parts[0].iov_len;
            rest = {.iov_base = static_cast<char*>(parts[1].iov_base) + fits,
                    .iov_len = parts[1].iov_len - fits};
            parts[1].iov_len = fits;
        }
        const auto put = send_once(to, parts, count);
        if (put.code() == EMSGSIZE || put.code() == ENOBUFS) {
            for (const iovec& each : std::span{parts, static_cast<std::size_t>(count)}) {
                send_packets(to, static_cast<const char*>(each.iov_base), each.iov_len);
            }
        } else if (!put) {
            throw_os_error(put.code(), "send");
        }
        send_packets(to, static_cast<const char*>(rest.iov_base), rest.iov_len);
        return;
    }
    while (count > 0) {
        const auto sent = send_once(to, parts, count);
        if (!sent) throw_os_error(sent.code(), "send");
        std::size_t put = *sent;
        for (; count > 0 && put >= parts->iov_len; ++parts, --count)
            put -= parts->iov_len;
        if (count == 0) break;
        parts->iov_base = static_cast<char*>(parts->iov_base) + put;
        parts->iov_len -= put;
    }
}

/// Sends one message of `size` bytes, which `write(std::byte*)` writes where it is told
/// to. For those up to `copied_up_to`.
template <class Write>
void send_written(const Channel& to, std::size_t size, Write write) {
    char bytes[Header::usual + copied_up_to];
    const Header header{size};
    std::memcpy(bytes, header.bytes, Header::usual);
    write(reinterpret_cast<std::byte*>(bytes + Header::usual));
    std::size_t length = Header::usual + size;
    if (to.medium == Medium::padded_stream && length < padded_size) {
        std::memset(bytes + length, 0, padded_size - length);
        length = padded_size;
    }
    iovec part{.iov_base = bytes, .iov_len = length};
    send_pieces(to, &part, 1);
}

/// Sends one message.
inline void send_message(const Channel& to, std::span<const std::byte> message) {
    if (message.size() <= copied_up_to) {
        send_written(to, message.size(), [&](std::byte* bytes) {
            if (!message.empty()) std::memcpy(bytes, message.data(), message.size());
        });
        return;
    }
    Header header{message.size()};
    iovec parts[2] = {
        {.iov_base = header.bytes, .iov_len = header.size},
        // Not written to: iovec serves readv(2), too.
        {.iov_base = const_cast<std::byte*>(message.data()), .iov_len = message.size()}};
    send_pieces(to, parts, 2);
}

/// Receives a first part of what is there. 0 is the end of file.
[[nodiscard]] inline std::size_t receive_once(const Channel& from, char* to,
                                              std::size_t size) {
    if (!from.deadline.is_never()) await(from, POLLIN);
    for (bool was_reset = false;;) {
        const auto got = from.medium == Medium::packet_socket
                             ? posix::receive_packet(from.fd, to, size)
                         : from.medium == Medium::socket
                             ? posix::receive_some(from.fd, to, size)
                             : posix::read_some(from.fd, to, size);
        if (got) return *got;
        if (got.code() == EAGAIN || got.code() == EWOULDBLOCK) {
            await(from, POLLIN);
        } else if (got.code() == ECONNRESET && !was_reset) {
            // The peer is gone and has not read all of ours. What it has sent can still
            // come, and then the end.
            was_reset = true;
        } else {
            throw_os_error(got.code(), "recv");
        }
    }
}

/// A message while it is received.
class Incoming {
public:
    explicit Incoming(const Channel& from) : from_{from} {}
    Incoming(const Incoming&) = delete;
    Incoming& operator=(const Incoming&) = delete;

    /// Waits for the message to begin. To be called once, before all else.
    ///
    /// @throws EOFError  There is none, and none will come.
    /// @throws OSError   What comes is no message, or ends within its header.
    void begin() {
        switch (from_.medium) {
            case Medium::packet_socket: hold_packet(); break;
            case Medium::padded_stream: hold(padded_size); break;
            default: hold(Header::usual); break;
        }
        length_ = big_endian(first_, Header::usual);
        used_ = Header::usual;
        constexpr std::uint64_t minus_one = 0xffffffff;
        if (length_ == minus_one) {
            if (from_.medium != Medium::packet_socket) hold(Header::longest);
            if (held_ < Header::longest) throw_bad_message("recv: no message");
            length_ = big_endian(first_ + Header::usual, Header::longest - Header::usual);
            used_ = Header::longest;
        } else if (length_ > minus_one / 2) {
            throw_bad_message("recv: negative length of a message");
        }
        if (held_ - used_ > length_) {
            if (from_.medium != Medium::padded_stream) {
                throw_bad_message("recv: no message");
            }
            held_ = used_ + static_cast<std::size_t>(length_);  // the rest is padding
        }
        to_come_ = length_ - (held_ - used_);
        is_amid_ = to_come_ > 0;
    }

    /// Whether a part of the message has been received and not yet all of it.
    [[nodiscard]] bool is_amid() const noexcept { return is_amid_; }

    /// The length that the sender has announced.
    [[nodiscard]] std::uint64_t length() const noexcept { return length_; }

    /// What has come with the header: the whole message, unless `is_amid`.
    [[nodiscard]] std::span<const std::byte> at_hand() const noexcept {
        return std::as_bytes(std::span{first_ + used_, held_ - used_});
    }

    /// Receives the whole message into `to`, which has room for it.
    void read_into(char* to) {
        std::size_t done = copy_at_hand(to);
        while (done < length_) done += read_more(to + done, length_ - done);
    }

    /// Receives the whole message. Memory is taken as bytes come, up to eight times as
    /// much as has come: a length that is a lie costs its sender that many bytes.
    [[nodiscard]] std::string read() {
        constexpr std::size_t step = std::size_t{1024} * 1024;
        std::string bytes;
        if (length_ > bytes.max_size()) throw_bad_length();
        const auto size = static_cast<std::size_t>(length_);
        bytes.assign(first_ + used_, held_ - used_);
        for (std::size_t done = bytes.size(); done < size;) {
            if (bytes.size() - done < std::min(size - done, packet_room)) {
                const std::size_t target = std::min(size, done + step);
                if (bytes.capacity() < target) {
                    bytes.reserve(std::min(size, done * 8 + step));
                }
                bytes.resize(target);
            }
            done += read_more(bytes.data() + done, bytes.size() - done);
        }
        return bytes;
    }

    [[noreturn]] static void throw_bad_length() {
        throw OSError{EMSGSIZE, "bad message length"};
    }

private:
    std::size_t copy_at_hand(char* to) const noexcept {
        const std::size_t size = held_ - used_;
        if (size > 0) std::memcpy(to, first_ + used_, size);
        return size;
    }

    [[nodiscard]] std::size_t read_more(char* to, std::size_t room) {
        const std::size_t got = receive_once(from_, to, room);
        if (got == 0) throw_cut();
        if (got > room) throw_bad_message("recv: no message");
        to_come_ -= got;
        is_amid_ = to_come_ > 0;
        return got;
    }

    /// Receives one packet.
    void hold_packet() {
        held_ = receive_once(from_, first_, sizeof first_);
        if (held_ == 0) throw EOFError{"the other end is closed"};
        is_amid_ = true;
        if (held_ > sizeof first_ || held_ < Header::usual) {
            throw_bad_message("recv: no message");
        }
    }

    /// Receives of a stream until `size` bytes are held.
    void hold(std::size_t size) {
        while (held_ < size) {
            const std::size_t got = receive_once(from_, first_ + held_, size - held_);
            if (got == 0 && held_ == 0) throw EOFError{"the other end is closed"};
            if (got == 0) throw_cut();
            is_amid_ = true;
            held_ += got;
        }
    }

    [[noreturn]] static void throw_cut() {
        throw OSError{ECONNRESET, "got end of file during message"};
    }

    Channel from_;
    std::uint64_t length_ = 0;
    std::uint64_t to_come_ = 0;  ///< of the `length_` bytes
    bool is_amid_ = false;
    std::size_t held_ = 0;      ///< bytes in `first_`
    std::size_t used_ = 0;      ///< those of them that are the header
    char first_[first_packet];  ///< not initialised: that would cost more than it holds
};

}  // namespace pyproc::multiprocessing::detail
