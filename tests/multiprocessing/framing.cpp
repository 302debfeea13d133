// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/framing.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <thread>

#include <fcntl.h>

#include <sys/resource.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;

namespace {

/// A stream of bytes that a test writes by hand.
struct Raw {
    posix::SocketPair sockets = posix::make_stream_sockets().or_throw("socketpair");
    Channel channel{.fd = sockets.second.get(), .medium = Medium::socket};

    explicit Raw(std::string_view bytes = {}) { write(bytes); }
    void write(std::string_view bytes) const {
        posix::write_all(sockets.first.get(), bytes).or_throw("write");
    }
    void end() { sockets.first.reset(); }
};

std::string bytes_of(const Header& header) {
    return {header.bytes, header.size};
}

std::span<const std::byte> as_message(std::string_view text) {
    return std::as_bytes(std::span{text});
}

}  // namespace

TEST_CASE("Header: a length is four bytes, the highest first, as in Python") {
    CHECK(bytes_of(Header{0}) == std::string("\0\0\0\0", 4));
    CHECK(bytes_of(Header{0x01020304}) == "\x01\x02\x03\x04");
    CHECK(bytes_of(Header{0x7fffffff}) == "\x7f\xff\xff\xff");
}

TEST_CASE("Header: a length above 2 GiB is -1 and eight bytes more, as in Python") {
    CHECK(bytes_of(Header{0x80000000}) ==
          std::string("\xff\xff\xff\xff\0\0\0\0\x80\0\0\0", 12));
    CHECK(bytes_of(Header{0x0102030405060708}) ==
          "\xff\xff\xff\xff\x01\x02\x03\x04\x05\x06\x07\x08");
}

TEST_CASE("medium_of: a descriptor tells what it is, but for the padding of a stream") {
    const auto pipe = posix::make_pipe().or_throw("pipe");
    const auto stream = posix::make_stream_sockets().or_throw("socketpair");
    const auto packets = posix::make_packet_sockets();

    CHECK(medium_of(pipe.read_end.get(), false) == Medium::stream);
    CHECK(medium_of(pipe.read_end.get(), true) == Medium::padded_stream);
    CHECK(medium_of(stream.first.get(), true) == Medium::socket);
    if (packets) CHECK(medium_of(packets->first.get(), true) == Medium::packet_socket);
}

TEST_CASE("send_message: through a stream it is a header and the bytes, and no more") {
    const Raw raw;

    send_message({.fd = raw.channel.fd, .medium = Medium::socket}, as_message("hello"));

    char bytes[64];
    const auto got = posix::read_some(raw.sockets.first.get(), bytes, sizeof bytes);
    CHECK(std::string(bytes, *got) == std::string("\0\0\0\5hello", 9));
}

TEST_CASE("send_message: a short one is padded with zeros through a padded stream") {
    const auto pipe = posix::make_pipe().or_throw("pipe");

    send_message({.fd = pipe.write_end.get(), .medium = Medium::padded_stream},
                 as_message("hello"));

    char bytes[4096];
    const auto got = posix::read_some(pipe.read_end.get(), bytes, sizeof bytes);
    CHECK(*got == padded_size);
    CHECK(std::string(bytes, *got) ==
          std::string("\0\0\0\5hello", 9) + std::string(padded_size - 9, '\0'));
}

TEST_CASE("Incoming: a message that arrives byte by byte is received whole") {
    const Raw raw;
    std::thread sender{[&] {
        for (const char byte : std::string("\0\0\0\5hello", 9)) {
            raw.write({&byte, 1});
            std::this_thread::yield();
        }
    }};

    Incoming incoming{raw.channel};
    incoming.begin();
    const std::string message = incoming.read();
    sender.join();

    CHECK(message == "hello");
}

TEST_CASE("Incoming: a long header is understood, whatever the length it tells") {
    const Raw raw{std::string("\xff\xff\xff\xff\0\0\0\0\0\0\0\5hello", 17)};

    Incoming incoming{raw.channel};
    incoming.begin();

    CHECK(incoming.length() == 5);
    CHECK(incoming.read() == "hello");
}

TEST_CASE("Incoming: the end is EOFError before a message, and OSError within one") {
    const std::string whole("\0\0\0\5hello", 9);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        Raw raw{std::string_view{whole}.substr(0, size)};
        raw.end();

        const auto receive = [&] {
            Incoming incoming{raw.channel};
            incoming.begin();
            static_cast<void>(incoming.read());
        };

        INFO(size);
        if (size == 0) {
            CHECK_THROWS_AS(receive(), EOFError);
        } else {
            CHECK_THROWS_AS(receive(), OSError);
        }
    }
}

TEST_CASE("Incoming: a peer that left something unread has still sent what it sent") {
    for (const bool keeps_packets : {true, false}) {
        auto sockets = posix::make_stream_sockets().or_throw("socketpair");
        if (keeps_packets) {
            auto packets = posix::make_packet_sockets();
            if (!packets) continue;
            sockets = std::move(*packets);
        }
        const Medium medium = medium_of(sockets.first.get(), false);
        const Channel ours{.fd = sockets.first.get(), .medium = medium};
        const Channel theirs{.fd = sockets.second.get(), .medium = medium};
        send_message(ours, as_message("unread"));
        send_message(theirs, as_message("hello"));
        sockets.second.reset();

        Incoming incoming{ours};
        incoming.begin();
        const std::string message = incoming.read();

        CHECK(message == "hello");
        CHECK_THROWS_AS(Incoming{ours}.begin(), EOFError);
        CHECK_THROWS_AS(send_message(ours, as_message("more")), BrokenPipeError);
    }
}

TEST_CASE("Incoming: a negative length is an error") {
    const Raw raw{std::string("\x80\0\0\0hello", 9)};

    CHECK_THROWS_AS(Incoming{raw.channel}.begin(), OSError);
}

TEST_CASE("Incoming: memory is taken as bytes come, and not because of a length") {
    // 8 EiB less one, 1 TiB, and 2 GiB less one.
    const std::string lies[] = {
        std::string("\xff\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\xff", 12),
        std::string("\xff\xff\xff\xff\0\0\1\0\0\0\0\0", 12),
        std::string("\x7f\xff\xff\xff")};
    for (const std::string& lie : lies) {
        Raw raw{lie + "and a few bytes"};
        raw.end();
#ifndef SANITIZED
        const int answer = test::forked([&] {
            const rlimit little{.rlim_cur = 1 << 30, .rlim_max = 1 << 30};
            ::setrlimit(RLIMIT_AS, &little);
            try {
                Incoming incoming{raw.channel};
                incoming.begin();
                static_cast<void>(incoming.read());
            } catch (const OSError&) {
                return 0;
            }
            return 1;
        });
        CHECK(answer == 0);
#endif
    }
}

TEST_CASE("Incoming: a packet that is no message is an error and not read beyond") {
    auto sockets = posix::make_packet_sockets();
    if (!sockets) return;
    const Channel from{.fd = sockets->second.get(), .medium = Medium::packet_socket};
    const auto send = [&](const std::string& bytes) {
        posix::send_some(sockets->first.get(), bytes.data(), bytes.size())
            .or_throw("send");
    };

    send("abc");                                       // no header
    send(std::string("\0\0\0\3hello", 9));             // more than it says
    send(std::string("\xff\xff\xff\xff\0\0\0\5", 8));  // half a long header
    send(std::string(first_packet + 1, 'x'));          // too long for a first one
    send(std::string("\0\0\0\5hello", 9));

    for (int i = 0; i < 4; ++i) CHECK_THROWS_AS(Incoming{from}.begin(), OSError);
    Incoming incoming{from};
    incoming.begin();
    CHECK(incoming.read() == "hello");
}

TEST_CASE("Incoming: packets may be cut in any way behind the header") {
    auto sockets = posix::make_packet_sockets();
    if (!sockets) return;
    const Channel from{.fd = sockets->second.get(), .medium = Medium::packet_socket};
    for (const std::string& bytes : {std::string("\0\0\0\5", 4), std::string("he"),
                                     std::string("l"), std::string("lo")}) {
        posix::send_some(sockets->first.get(), bytes.data(), bytes.size())
            .or_throw("send");
    }

    Incoming incoming{from};
    incoming.begin();

    CHECK(incoming.read() == "hello");
}

TEST_CASE("send_message: a socket with little room gets its packets in smaller pieces") {
    auto sockets = posix::make_packet_sockets();
    if (!sockets) return;
    const int least = 1;
    ::setsockopt(sockets->first.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof least);
    const Channel to{.fd = sockets->first.get(), .medium = Medium::packet_socket};
    const Channel from{.fd = sockets->second.get(), .medium = Medium::packet_socket};
    for (const std::size_t size : {std::size_t{4000}, std::size_t{100'000}}) {
        const std::string message(size, 'x');
        std::thread sender{[&] { send_message(to, as_message(message)); }};

        Incoming incoming{from};
        incoming.begin();
        const std::string received = incoming.read();
        sender.join();

        CHECK(received == message);
    }
}

TEST_CASE("send_message, Incoming: descriptors that do not block are waited for") {
    const auto pipe = posix::make_pipe().or_throw("pipe");
    for (const int fd : {pipe.read_end.get(), pipe.write_end.get()}) {
        ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
    }
    const std::string message(1 << 20, 'x');
    std::thread sender{[&] {
        send_message({.fd = pipe.write_end.get(), .medium = Medium::stream},
                     as_message(message));
    }};

    Incoming incoming{{.fd = pipe.read_end.get(), .medium = Medium::stream}};
    incoming.begin();
    const std::string received = incoming.read();
    sender.join();

    CHECK(received == message);
}

TEST_CASE("Incoming: a deadline that comes first is TimeoutError") {
    Raw raw{std::string("\0\0\0\5he", 6)};
    raw.channel.deadline = posix::Deadline::after(10ms);

    Incoming incoming{raw.channel};
    incoming.begin();

    CHECK_THROWS_AS(incoming.read(), TimeoutError);
}
