// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/listener.hpp"

#include <chrono>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

#include "pyproc/posix/io.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

bool exists(const std::string& path) {
    struct stat status {};
    return ::lstat(path.c_str(), &status) == 0;
}

/// Connects from a thread, and keeps what came of it.
class Connecting {
public:
    explicit Connecting(const Listener& listener, const ClientOptions& options = {})
        : thread_{[this, options, address = listener.address()] {
              try {
                  connection_ = Client(address, options);
              } catch (...) {
                  error_ = std::current_exception();
              }
          }} {}
    Connecting(const Connecting&) = delete;
    Connecting& operator=(const Connecting&) = delete;
    ~Connecting() {
        if (thread_.joinable()) thread_.join();
    }

    /// The connection, or the exception.
    Connection connection() {
        thread_.join();
        if (error_) std::rethrow_exception(error_);
        return std::move(connection_);
    }

private:
    Connection connection_;
    std::exception_ptr error_;
    std::thread thread_;
};

void check_exchange(Connection& a, Connection& b) {
    const std::string long_message(1'000'000, 'x');
    a.send_bytes("to b");
    b.send(std::vector{1, 2});
    CHECK(b.recv_bytes() == "to b");
    CHECK(a.recv<std::vector<int>>() == std::vector{1, 2});
    std::thread sender{[&] { a.send_bytes(long_message); }};
    CHECK((b.recv_bytes() == long_message));
    sender.join();
    CHECK(::fcntl(a.fileno(), F_GETFD) == FD_CLOEXEC);
    CHECK(::fcntl(b.fileno(), F_GETFD) == FD_CLOEXEC);
}

}  // namespace

TEST_CASE("Listener: who connects can send and receive, with a key and without") {
    using Key = std::optional<std::string>;
    for (const Key& key : {Key{}, Key{"secret"}, Key{""}}) {
        for (const bool has_port : {false, true}) {
            Listener listener = has_port ? Listener{{"127.0.0.1", 0}, {.authkey = key}}
                                         : Listener{{}, {.authkey = key}};
            Connecting client{listener, {.authkey = key}};

            Connection ours = listener.accept();
            Connection theirs = client.connection();

            check_exchange(ours, theirs);
        }
    }
}

TEST_CASE("Listener: a wrong key is AuthenticationError at both ends, and the next may") {
    Listener listener{{}, {.authkey = "secret"}};
    {
        Connecting client{listener, {.authkey = "guessed"}};

        CHECK_THROWS_AS(listener.accept(), AuthenticationError);
        CHECK_THROWS_AS(client.connection(), AuthenticationError);
    }
    Connecting client{listener, {.authkey = "secret"}};
    CHECK_NOTHROW(listener.accept());
    CHECK_NOTHROW(client.connection());
}

TEST_CASE("Listener: one who is silent is TimeoutError, one who goes away an error") {
    Listener listener{{}, {.authkey = "secret", .backlog = 2, .timeout = 20ms}};

    const Connection silent = Client(listener.address());
    CHECK_THROWS_AS(listener.accept(), TimeoutError);
    Connection gone = Client(listener.address());
    gone.close();
    CHECK_THROWS_AS(listener.accept(), EOFError);
}

TEST_CASE(
    "Listener: whatever somebody without the key does, it is told from own faults") {
    Listener listener{{}, {.authkey = "secret"}};
    const auto accept_after = [&](std::string_view bytes, bool leaves) {
        Connection stranger = Client(listener.address());
        posix::write_all(stranger.fileno(), bytes).or_throw("write");
        if (leaves) stranger.close();
        return listener.accept();
    };
    using namespace std::string_view_literals;

    CHECK_THROWS_AS(accept_after("\x80\0\0\0"sv, false), AuthenticationError);
    CHECK_THROWS_AS(accept_after("\0\0\x10\0 too long"sv, false), AuthenticationError);
    CHECK_THROWS_AS(accept_after("\xff\xff\xff\xff\xff\0\0\0\0\0\0\0"sv, false),
                    AuthenticationError);
    CHECK_THROWS_AS(accept_after("\0\0\0\0"sv, false), AuthenticationError);
    CHECK_THROWS_AS(accept_after("", true), EOFError);
    CHECK_THROWS_AS(accept_after("\0\0"sv, true), EOFError);
    CHECK_THROWS_AS(accept_after("\0\0\0\x10 cut"sv, true), EOFError);
    CHECK_THROWS_AS(accept_after("\0\0\0\x01."sv, true), EOFError);
}

TEST_CASE("Client: a listener that shows no key in time is TimeoutError") {
    const Listener listener;

    CHECK_THROWS_AS(Client(listener.address(), {.authkey = "secret", .timeout = 10ms}),
                    TimeoutError);
}

TEST_CASE("Client: a listener that has no place left is TimeoutError") {
    for (const bool has_port : {false, true}) {
        const Listener listener{has_port ? Address{"127.0.0.1", 0} : Address{}};
        std::vector<Connection> waiting;

        const auto connect_ten = [&] {
            while (waiting.size() < 10) {
                waiting.push_back(Client(listener.address(), {.timeout = 10ms}));
            }
        };

        CHECK_THROWS_AS(connect_ten(), TimeoutError);
        CHECK_FALSE(waiting.empty());
    }
}

TEST_CASE(
    "Listener: its own file is in a directory for the user alone; both go with it") {
    std::string file;
    std::string directory;
    {
        const Listener listener;
        file = listener.address().text();
        directory = file.substr(0, file.rfind('/'));
        struct stat status {};
        REQUIRE(::stat(directory.c_str(), &status) == 0);
        CHECK((status.st_mode & 0777) == 0700);
        CHECK(exists(file));
    }

    CHECK_FALSE(exists(file));
    CHECK_FALSE(exists(directory));
}

TEST_CASE("Listener: a forked child that closes it leaves the file") {
    Listener listener;

    const int answer = test::forked([&] {
        listener.close();
        return 0;
    });

    CHECK(answer == 0);
    CHECK(exists(listener.address().text()));
    CHECK_NOTHROW(Client(listener.address()));
}

TEST_CASE("Listener: a file that is a stranger's by now is left") {
    Listener first;
    const std::string path = first.address().text();
    // Linked for as long as it takes, so that its inode is not the next one's, too.
    const std::string kept = path + ".kept";
    REQUIRE(::link(path.c_str(), kept.c_str()) == 0);
    ::unlink(path.c_str());
    Listener second{path};

    first.close();

    CHECK(exists(path));
    second.close();
    CHECK_FALSE(exists(path));
    ::unlink(kept.c_str());
    ::rmdir(path.substr(0, path.rfind('/')).c_str());
}

TEST_CASE("Listener: an address in use, or that can be none, is an error with its name") {
    const Listener listener;
    const std::string path = listener.address().text();

    CHECK_THROWS_WITH(Listener{path}, test::Contains(path));
    CHECK_THROWS_WITH(Listener{"/no/such/directory/socket"},
                      test::Contains("/no/such/directory/socket"));
    CHECK_THROWS_AS(Listener{"/no/such/directory/socket"}, FileNotFoundError);
    CHECK_THROWS_AS(Client(""), OSError);
    CHECK_THROWS_AS(Listener{std::string(200, 'x')}, OSError);
    CHECK_THROWS_AS((Listener{{"example.com", 80}}), ValueError);
    CHECK_THROWS_AS(Client("/no/such/socket"), FileNotFoundError);
    CHECK(exists(path));
}

TEST_CASE("Listener: closed, it says so; moved, it goes on") {
    Listener listener;
    Listener moved = std::move(listener);
    Connecting client{moved};

    CHECK_NOTHROW(moved.accept());
    CHECK_NOTHROW(client.connection());
    CHECK(listener.closed());  // NOLINT(bugprone-use-after-move): what is tested
    moved.close();
    moved.close();
    CHECK_THROWS_WITH(moved.accept(), test::StartsWith("listener is closed"));
}

TEST_CASE("Address: a path, or a host and its port") {
    const Address path{"/run/socket"};
    const Address port{"localhost", 80};

    CHECK(path == Address{std::filesystem::path{"/run/socket"}});
    CHECK(path.is_path());
    CHECK(path.text() == "/run/socket");
    CHECK_FALSE(port.is_path());
    CHECK(port.port() == 80);
    CHECK(port == Address{"localhost", 80});
    CHECK_FALSE(port == path);
}
