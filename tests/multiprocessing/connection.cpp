// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/connection.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

constexpr unsigned longest_wait = 30;  // seconds, after which a hang is what it is

/// Every kind of connection that `Pipe` makes.
const PipeOptions kinds[] = {{.duplex = true},
                             {.duplex = true, .stream = true},
                             {.duplex = false},
                             {.duplex = false, .stream = true}};

/// A message of that length in which no two places look alike for long.
std::string message_of(std::size_t size, unsigned seed = 0) {
    std::string message(size, '\0');
    unsigned state = seed + 1;
    for (char& byte : message) {
        state = state * 1664525 + 1013904223;
        byte = static_cast<char>(state >> 24);
    }
    return message;
}

std::span<std::byte> bytes_of(std::string& text) {
    return std::as_writable_bytes(std::span{text});
}

/// Sends from a thread, since what is longer than the system holds waits for a receiver.
class Sender {
public:
    template <class Send>
    explicit Sender(Send send) : thread_{send} {}
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    ~Sender() { thread_.join(); }

private:
    std::thread thread_;
};

/// Waits for a child that is to end by itself; kills it if it hangs.
int status_of(pid_t child) {
    int status = 0;
    ::waitpid(child, &status, 0);
    return status;
}

}  // namespace

TEST_CASE("send_bytes: messages of any length are received as they were sent") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        const std::size_t sizes[] = {0,    1,     63,     124,     125,    4091,   4092,
                                     4093, 16380, 16384,  16385,   65536,  131072, 147456,
                                     1,    0,     262144, 1000000, 3000001};
        const Sender thread{[&, &to = sender] {
            for (const std::size_t size : sizes) to.send_bytes(message_of(size));
        }};
        for (const std::size_t size : sizes) {
            INFO(size);
            CHECK((receiver.recv_bytes() == message_of(size)));
        }
    }
}

TEST_CASE("send_bytes: both ends of a duplex pipe send and receive") {
    for (const bool stream : {false, true}) {
        auto [a, b] = Pipe({.stream = stream});

        a.send_bytes("to b");
        b.send_bytes("to a");

        CHECK(a.recv_bytes() == "to a");
        CHECK(b.recv_bytes() == "to b");
    }
}

TEST_CASE("send_bytes: many small messages wait for a receiver, as in Python") {
    constexpr int count = 200;
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);

        for (int i = 0; i < count; ++i) sender.send_bytes(std::to_string(i));

        for (int i = 0; i < count; ++i) CHECK(receiver.recv_bytes() == std::to_string(i));
    }
}

TEST_CASE("recv_bytes: the end is EOFError, after all that was sent") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        sender.send_bytes("last");
        sender.close();

        CHECK(receiver.poll());
        CHECK(receiver.recv_bytes() == "last");
        CHECK(receiver.poll());
        CHECK_THROWS_AS(receiver.recv_bytes(), EOFError);
        CHECK_THROWS_AS(receiver.recv_bytes(), EOFError);
    }
}

TEST_CASE("send_bytes: with nobody at the other end it is BrokenPipeError, no SIGPIPE") {
    for (const PipeOptions& kind : kinds) {
        const int answer = test::forked([&] {
            std::signal(SIGPIPE, SIG_DFL);
            auto [receiver, sender] = Pipe(kind);
            receiver.close();
            for (const std::size_t size : {std::size_t{1}, std::size_t{1'000'000}}) {
                try {
                    sender.send_bytes(message_of(size));
                    return 1;
                } catch (const BrokenPipeError&) {
                }
            }
            return 0;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE("recv_bytes: a message longer than the limit is OSError, and the last") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        sender.send_bytes("four");
        sender.send_bytes("fives");
        sender.send_bytes("next");

        CHECK(receiver.recv_bytes(4) == "four");
        CHECK_THROWS_WITH(receiver.recv_bytes(4), test::StartsWith("bad message length"));

        CHECK_FALSE(receiver.readable());
        CHECK_THROWS_AS(receiver.recv_bytes(), OSError);
        CHECK(receiver.closed() == !kind.duplex);
        if (kind.duplex) CHECK_NOTHROW(receiver.send_bytes("still sends"));
    }
}

TEST_CASE(
    "recv_bytes_into: the message is at the buffer's beginning, the rest as it was") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        std::string buffer = "........";
        sender.send_bytes("hello");
        sender.send_bytes("12345678");
        sender.send_bytes("");

        CHECK(receiver.recv_bytes_into(bytes_of(buffer)) == 5);
        CHECK(buffer == "hello...");
        CHECK(receiver.recv_bytes_into(bytes_of(buffer)) == 8);
        CHECK(buffer == "12345678");
        CHECK(receiver.recv_bytes_into({}) == 0);
    }
}

TEST_CASE("recv_bytes_into: a long message is received in place") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        const std::string message = message_of(1'000'000);
        const Sender thread{[&, &to = sender] { to.send_bytes(message); }};
        std::string buffer(message.size(), '\0');

        CHECK(receiver.recv_bytes_into(bytes_of(buffer)) == message.size());
        CHECK((buffer == message));
    }
}

TEST_CASE("recv_bytes_into: a message too long for the buffer is in the exception") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        std::string buffer = "....";
        sender.send_bytes("hello");
        sender.send_bytes("next");

        std::string message;
        try {
            static_cast<void>(receiver.recv_bytes_into(bytes_of(buffer)));
        } catch (const BufferTooShort& error) {
            message = error.message();
        }

        CHECK(message == "hello");
        CHECK(buffer == "....");
        CHECK(receiver.recv_bytes() == "next");
    }
}

TEST_CASE("poll: it tells whether there is something, and waits as long as it is told") {
    using clock = std::chrono::steady_clock;
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);

        CHECK_FALSE(receiver.poll());
        const auto start = clock::now();
        CHECK_FALSE(receiver.poll(20ms));
        CHECK(clock::now() - start >= 20ms);
        sender.send_bytes("x");
        CHECK(receiver.poll());
        CHECK(receiver.poll(std::chrono::hours::max()));
    }
}

TEST_CASE("Connection: a closed end says so, and one that goes one way only") {
    auto [receiver, sender] = Pipe({.duplex = false});
    std::string buffer(4, '.');

    CHECK(receiver.readable());
    CHECK_FALSE(receiver.writable());
    CHECK_FALSE(sender.readable());
    CHECK(sender.writable());
    CHECK_THROWS_WITH(receiver.send_bytes("x"),
                      test::StartsWith("connection is read-only"));
    CHECK_THROWS_WITH(sender.recv_bytes(), test::StartsWith("connection is write-only"));
    CHECK_THROWS_WITH(sender.poll(), test::StartsWith("connection is write-only"));
    receiver.close();
    receiver.close();
    CHECK(receiver.closed());
    CHECK_THROWS_WITH(receiver.recv_bytes(), test::StartsWith("handle is closed"));
    CHECK_THROWS_WITH(receiver.recv_bytes_into(bytes_of(buffer)),
                      test::StartsWith("handle is closed"));
    CHECK_THROWS_WITH(receiver.poll(), test::StartsWith("handle is closed"));
    CHECK_THROWS_WITH(receiver.fileno(), test::StartsWith("handle is closed"));
    CHECK_THROWS_WITH(Connection{}.send_bytes("x"), test::StartsWith("handle is closed"));
}

TEST_CASE("Connection: what is no descriptor, or goes no way, is refused") {
    CHECK_THROWS_AS(Connection{posix::UniqueFd{}}, OSError);
    CHECK_THROWS_AS(
        Connection(posix::UniqueFd{::dup(0)}, {.readable = false, .writable = false}),
        ValueError);
}

TEST_CASE("Pipe: its ends are close-on-exec") {
    for (const PipeOptions& kind : kinds) {
        auto [a, b] = Pipe(kind);

        CHECK(::fcntl(a.fileno(), F_GETFD) == FD_CLOEXEC);
        CHECK(::fcntl(b.fileno(), F_GETFD) == FD_CLOEXEC);
    }
}

TEST_CASE("Pipe: without descriptors it is an error, and none is left") {
    for (const PipeOptions& kind : kinds) {
        const int answer = test::forked([&] {
            const auto before = test::open_descriptors();
            const auto next = static_cast<rlim_t>(*before.rbegin() + 2);
            const rlimit none{.rlim_cur = next, .rlim_max = next};
            // One more may be had, where two are needed.
            for (int fd = 0; fd < *before.rbegin() + 1; ++fd) {
                if (!before.contains(fd)) ::dup2(0, fd);
            }
            const auto filled = test::open_descriptors();
            ::setrlimit(RLIMIT_NOFILE, &none);
            try {
                static_cast<void>(Pipe(kind));
                return 1;
            } catch (const OSError&) {
            }
            for (const int fd : filled) {
                if (::fcntl(fd, F_GETFD) < 0) return 2;
            }
            return ::fcntl(static_cast<int>(next) - 1, F_GETFD) < 0 ? 0 : 3;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE("send_handle: a descriptor arrives between messages, close-on-exec") {
    for (const bool stream : {false, true}) {
        auto [a, b] = Pipe({.stream = stream});
        const test::Channel channel;
        channel.tell("through");

        a.send_bytes("before");
        a.send_handle(channel.read_end());
        a.send_bytes("after");

        CHECK(b.recv_bytes() == "before");
        const posix::UniqueFd handle = b.recv_handle();
        CHECK(b.recv_bytes() == "after");
        CHECK(::fcntl(handle.get(), F_GETFD) == FD_CLOEXEC);
        char bytes[16];
        CHECK(*posix::read_some(handle.get(), bytes, sizeof bytes) == 8);
    }
}

TEST_CASE("send_handle: an end that was sent is a connection to its receiver") {
    for (const PipeOptions& kind : kinds) {
        auto [a, b] = Pipe();
        auto [receiver, sender] = Pipe(kind);

        a.send_handle(receiver.fileno());
        Connection arrived{b.recv_handle(),
                           {.padded = !kind.duplex && !kind.stream, .writable = false}};

        for (const std::size_t size : {1U, 2U, 200U, 3U}) {
            sender.send_bytes(message_of(size));
            CHECK(arrived.recv_bytes() == message_of(size));
        }
    }
}

TEST_CASE("recv_handle: a message is no descriptor, and the end is EOFError") {
    auto [a, b] = Pipe();
    auto [c, d] = Pipe();
    a.send_bytes("hello");
    c.close();

    CHECK_THROWS_AS(b.recv_handle(), OSError);
    CHECK_FALSE(b.readable());
    CHECK_THROWS_AS(d.recv_handle(), EOFError);
}

TEST_CASE(
    "recv_handle: without room for a descriptor it says so, and the next may come") {
    for (const bool stream : {false, true}) {
        const int answer = test::forked([&] {
            auto [a, b] = Pipe({.stream = stream});
            a.send_handle(0);
            a.send_handle(0);
            rlimit limit{};
            ::getrlimit(RLIMIT_NOFILE, &limit);
            const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &none);
            try {
                static_cast<void>(b.recv_handle());
                return 1;
            } catch (const OSError& error) {
                // First: a sanitizer opens a pipe when it looks at an exception.
                ::setrlimit(RLIMIT_NOFILE, &limit);
                if (error.code().value() != EMFILE) return 2;
            }
            return b.recv_handle() ? 0 : 3;
        });
        CHECK(answer == 0);
    }
}

TEST_CASE("recv_bytes: descriptors that a peer sends unasked are not kept") {
    for (const bool stream : {false, true}) {
        auto [a, b] = Pipe({.stream = stream});
        posix::send_descriptors(a.fileno(), '\0', std::vector{0, 0}).or_throw("send");
        const auto before = test::open_descriptors();

        posix::send_some(a.fileno(), "\0\0\1x", 4).or_throw("send");
        if (posix::platform::keeps_packets(b.fileno())) {
            CHECK_THROWS_AS(b.recv_bytes(), OSError);
        } else {
            CHECK(b.recv_bytes() == "x");
        }

        CHECK(test::open_descriptors() == before);
    }
}

TEST_CASE("send_handle: what is no socket can't, and says so") {
    auto [receiver, sender] = Pipe({.duplex = false});

    CHECK_THROWS_AS(sender.send_handle(0), OSError);
    CHECK_THROWS_AS(receiver.recv_handle(), OSError);
}

TEST_CASE("Connection: a child that was forked talks to its parent") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        const int answer = test::forked([&to = sender] {
            to.send_bytes("from the child");
            to.send_bytes("again");
            return 0;
        });
        sender.close();

        CHECK(answer == 0);
        CHECK(receiver.recv_bytes() == "from the child");
        CHECK(receiver.recv_bytes() == "again");
        CHECK_THROWS_AS(receiver.recv_bytes(), EOFError);
    }
}

TEST_CASE("Connection: processes that share an end get each message once") {
    constexpr int count = 100;
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        for (int i = 0; i < count; ++i) sender.send_bytes(std::to_string(i));
        sender.close();
        std::vector<int> got;

        // Parent and child in turn, so that anything held back in one would be missed.
        for (int i = 0; i < count; i += 2) {
            got.push_back(std::stoi(receiver.recv_bytes()));
            got.push_back(test::forked(
                [&from = receiver] { return std::stoi(from.recv_bytes()); }));
        }

        for (int i = 0; i < count; ++i) CHECK(got[static_cast<std::size_t>(i)] == i);
    }
}

TEST_CASE("Connection: processes that receive small messages at a time get each once") {
    constexpr int count = 5'000;
    constexpr int receivers = 3;
    for (const PipeOptions& kind : kinds) {
        if (kind.stream) continue;  // where that is not promised
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
        if (kind.duplex) continue;
#endif
        auto [receiver, sender] = Pipe(kind);
        auto [results, result] = Pipe({.duplex = false});
        std::vector<pid_t> children;
        for (int i = 0; i < receivers; ++i) {
            children.push_back(::fork());
            if (children.back() != 0) continue;
            ::alarm(longest_wait);
            sender.close();
            long sum = 0;
            try {
                for (;;) sum += std::stol(receiver.recv_bytes());
            } catch (const EOFError&) {
                result.send_bytes(std::to_string(sum));
                ::_exit(0);
            } catch (...) {
            }
            ::_exit(1);
        }

        for (int i = 0; i < count; ++i) sender.send_bytes(std::to_string(i));
        sender.close();

        for (const pid_t child : children) CHECK(status_of(child) == 0);
        long sum = 0;
        result.close();
        for (int i = 0; i < receivers; ++i) sum += std::stol(results.recv_bytes());
        CHECK(sum == static_cast<long>(count) * (count - 1) / 2);
    }
}

TEST_CASE("Connection: small messages of processes that send at a time stay whole") {
    constexpr int count = 5'000;
    constexpr int senders = 3;
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        std::vector<pid_t> children;
        for (unsigned i = 0; i < senders; ++i) {
            children.push_back(::fork());
            if (children.back() != 0) continue;
            ::alarm(longest_wait);
            try {
                for (unsigned n = 0; n < count; ++n) {
                    sender.send_bytes(message_of(n % 500, n));
                }
                ::_exit(0);
            } catch (...) {
            }
            ::_exit(1);
        }
        sender.close();

        int received = 0;
        std::multiset<std::string> expected;
        std::multiset<std::string> got;
        for (unsigned n = 0; n < count; ++n) {
            for (unsigned i = 0; i < senders; ++i)
                expected.insert(message_of(n % 500, n));
        }
        for (; received < count * senders; ++received) got.insert(receiver.recv_bytes());

        for (const pid_t child : children) CHECK(status_of(child) == 0);
        CHECK((got == expected));
        CHECK_THROWS_AS(receiver.recv_bytes(), EOFError);
    }
}

TEST_CASE("Connection: a sender killed within a message is an error, never a hang") {
    const std::string message = message_of(4'000'000);
    for (const PipeOptions& kind : kinds) {
        for (unsigned round = 0; round < 20; ++round) {
            auto [receiver, sender] = Pipe(kind);
            const pid_t child = ::fork();
            if (child == 0) {
                ::alarm(longest_wait);
                receiver.close();
                try {
                    for (;;) sender.send_bytes(message);
                } catch (...) {
                }
                ::_exit(1);
            }
            sender.close();
            if (round % 2 == 0) CHECK((receiver.recv_bytes() == message));
            // By then it is at work on one that it can't finish: nobody receives.
            REQUIRE(receiver.poll(posix::Timeout{}));
            ::kill(child, SIGKILL);
            static_cast<void>(status_of(child));

            try {
                const bool is_whole = receiver.recv_bytes() == message;
                FAIL("received " << is_whole);
            } catch (const EOFError&) {
            } catch (const OSError& error) {
                CHECK_THAT(error.what(),
                           test::StartsWith("got end of file during message"));
            }
        }
    }
}

TEST_CASE("Connection: whenever a sender is killed, what is received is whole") {
    constexpr unsigned rounds = 30;
    // Of all lengths: in one packet, padded, and in many pieces.
    const auto size_of = [](unsigned n) -> std::size_t {
        return n % 7 == 0 ? 300'000 + n : n * 37 % 6000;
    };
    for (const PipeOptions& kind : kinds) {
        for (unsigned round = 0; round < rounds; ++round) {
            auto [receiver, sender] = Pipe(kind);
            const pid_t child = ::fork();
            if (child == 0) {
                ::alarm(longest_wait);
                receiver.close();
                try {
                    for (unsigned n = 0;; ++n) {
                        sender.send_bytes(message_of(size_of(n), n));
                    }
                } catch (...) {
                }
                ::_exit(1);
            }
            sender.close();

            bool is_over = false;
            bool are_whole = true;
            for (unsigned n = 0; !is_over; ++n) {
                if (n == round) ::kill(child, SIGKILL);
                try {
                    if (receiver.recv_bytes() != message_of(size_of(n), n)) {
                        are_whole = false;
                    }
                } catch (const EOFError&) {
                    is_over = true;
                } catch (const OSError&) {
                    is_over = true;
                }
            }

            CHECK(are_whole);
            static_cast<void>(status_of(child));
        }
    }
}

TEST_CASE("Connection: a receiver killed within a message is BrokenPipeError") {
    const std::string message = message_of(4'000'000);
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        const test::Channel ready;
        const pid_t child = ::fork();
        if (child == 0) {
            sender.close();
            char some[100];
            while (::read(receiver.fileno(), some, sizeof some) <= 0) {
            }
            ready.tell();
            ::pause();
            ::_exit(1);
        }
        receiver.close();
        std::thread thread{[&] {
            ready.await();
            ::kill(child, SIGKILL);
        }};

        CHECK_THROWS_AS(sender.send_bytes(message), BrokenPipeError);
        thread.join();
        static_cast<void>(status_of(child));
    }
}

TEST_CASE("Connection: moving it leaves a closed one behind") {
    auto [a, b] = Pipe();
    b.send_bytes("hello");

    Connection moved = std::move(a);

    CHECK(a.closed());  // NOLINT(bugprone-use-after-move): what is tested
    CHECK(moved.recv_bytes() == "hello");
}

namespace {

struct Point {
    int x = 0;
    double y = 0;
    std::string name = {};

    bool operator==(const Point&) const = default;
};

/// Can't be made, but for its copies.
struct Fails {
    std::string n = {};
    Fails() { throw std::runtime_error{"none"}; }
    template <class Archive>
    void serialize(Archive& archive) {
        archive(n);
    }
};

}  // namespace

TEST_CASE("send: values of any length are received as they were sent") {
    using Points = std::map<std::string, std::vector<Point>>;
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        const Points few = {{"a", {{1, 2.5, "one"}}}, {"b", {}}};
        const Points many = {{"a", std::vector<Point>(50'000, {3, 4, "three"})}};
        const Sender thread{[&, &to = sender] {
            to.send(42);
            to.send(few);
            to.send(many);
            to.send(std::string{"last"});
        }};

        CHECK(receiver.recv<int>() == 42);
        CHECK((receiver.recv<Points>() == few));
        CHECK((receiver.recv<Points>() == many));
        CHECK(receiver.recv<std::string>() == "last");
    }
}

TEST_CASE("recv: a message that is no such value is DecodeError, and not the last") {
    for (const PipeOptions& kind : kinds) {
        auto [receiver, sender] = Pipe(kind);
        sender.send(std::string{"text"});
        sender.send_bytes("");
        sender.send(7);

        CHECK_THROWS_AS(receiver.recv<int>(), DecodeError);
        CHECK_THROWS_AS(receiver.recv<int>(), DecodeError);
        CHECK(receiver.recv<int>() == 7);
        sender.close();
        CHECK_THROWS_AS(receiver.recv<int>(), EOFError);
    }
}

TEST_CASE("send: a value that can't be written sends nothing") {
    auto [receiver, sender] = Pipe();
    std::variant<int, Fails> without_value;
    try {
        without_value.emplace<Fails>();
    } catch (const std::runtime_error&) {
    }
    REQUIRE(without_value.valueless_by_exception());

    CHECK_THROWS_AS(sender.send(without_value), ValueError);

    CHECK_FALSE(receiver.poll());
}
