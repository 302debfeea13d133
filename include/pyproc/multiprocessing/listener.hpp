// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/authentication.hpp"
#include "pyproc/multiprocessing/connection.hpp"
#include "pyproc/multiprocessing/framing.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/path.hpp"
#include "pyproc/posix/socket_address.hpp"

/// Connections between programs that are not each other's parent or child: one listens,
/// others connect. Needs OpenSSL: link `pyproc::listener`.
namespace pyproc::multiprocessing {

/// Where a `Listener` can be found: a file, or a port of a host.
///
///     Address{"/run/my.socket"}, Address{"localhost", 6000}
///
/// Python: a string, or a tuple of host and port.
class Address {
public:
    /// None: whoever listens is to choose one.
    Address() = default;

    /// A file; in Linux also a name that begins with a zero byte, and is none.
    Address(const posix::HasNativePath auto& path)
        : text_{std::string_view{path.native()}} {}
    Address(const char* path) : text_{path} {}
    Address(std::string path) : text_{std::move(path)} {}

    /// @param host  An address in digits, or "localhost", which is 127.0.0.1.
    /// @param port  0, where a listener is to choose a free one.
    Address(std::string host, std::uint16_t port) : text_{std::move(host)}, port_{port} {}

    [[nodiscard]] bool empty() const noexcept { return text_.empty() && !port_; }

    /// Whether it is a file, and not a port of a host.
    [[nodiscard]] bool is_path() const noexcept { return !port_; }

    /// The path, or the host.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

    /// @throws std::bad_optional_access  It is a file.
    [[nodiscard]] std::uint16_t port() const { return port_.value(); }

    friend bool operator==(const Address&, const Address&) = default;

    /// @throws ValueError  The host is not in digits.
    /// @throws OSError     The path is empty, or too long for a socket.
    [[nodiscard]] posix::SocketAddress resolved() const {
        if (!port_) return posix::SocketAddress::of_path(text_).or_throw("socket", text_);
        auto address = posix::SocketAddress::of_host(text_, *port_);
        if (!address) {
            throw ValueError{"no address in digits and not localhost: '" + text_ + "'"};
        }
        return *address;
    }

private:
    std::string text_;
    std::optional<std::uint16_t> port_;
};

/// How a `Listener` treats those who connect.
struct ListenerOptions {
    /// A secret that both ends must know; `nullopt`: anybody may connect who can.
    std::optional<std::string> authkey = std::nullopt;

    /// How many may wait to be accepted.
    int backlog = 1;

    /// How long one may take to show that it knows the key.
    posix::Timeout timeout = std::chrono::seconds{20};
};

/// How to connect.
struct ClientOptions {
    /// The secret of the listener; `nullopt` if it has none.
    std::optional<std::string> authkey = std::nullopt;

    /// How long the listener may take: to take us in, where others wait already, and to
    /// show that it knows the key.
    posix::Timeout timeout = {};
};

/// Waits for others to connect.
///
///     Listener listener("/run/my.socket", {.authkey = "secret"});
///     Connection connection = listener.accept();
///
/// The key is not sent, but what is sent is not encrypted: between machines, use it in a
/// tunnel that is.
///
/// Threads: any may accept at the same time, each gets a connection of its own. `close`
///          and moving must come before or after all else.
/// Python:  `multiprocessing.connection.Listener`, which can be at either end.
class Listener {
public:
    /// Listens at `address`; if it is empty, at a file in a new directory that only the
    /// user may enter.
    ///
    /// @throws OSError  There is a file already, or somebody listens at that port; or the
    ///                  file or port can't be had.
    explicit Listener(Address address = {}, ListenerOptions options = {})
        : address_{std::move(address)}, options_{std::move(options)} {
        if (address_.empty()) make_directory();
        try {
            listen();
        } catch (...) {
            if (!directory_.empty()) ::rmdir(directory_.c_str());
            throw;
        }
    }

    Listener(Listener&& other) noexcept
        : fd_{std::move(other.fd_)},
          address_{std::move(other.address_)},
          options_{std::move(other.options_)},
          directory_{std::exchange(other.directory_, {})},
          file_{std::exchange(other.file_, {})} {}
    Listener& operator=(Listener&& other) noexcept {
        if (this == &other) return *this;
        close();
        fd_ = std::move(other.fd_);
        address_ = std::move(other.address_);
        options_ = std::move(other.options_);
        directory_ = std::exchange(other.directory_, {});
        file_ = std::exchange(other.file_, {});
        return *this;
    }
    ~Listener() { close(); }

    /// Waits for somebody to connect, and to show that it knows the key.
    ///
    /// @throws AuthenticationError  It does not, or talks of something else. The next may
    ///                              be accepted.
    /// @throws TimeoutError         It took too long over it. The next may be accepted.
    /// @throws EOFError             It went away meanwhile, likewise.
    /// @throws OSError              The listener is closed, or there are no descriptors
    ///                              left.
    [[nodiscard]] Connection accept() {
        Connection connection{posix::accept_from(fileno()).or_throw("accept")};
        if (options_.authkey) {
            const detail::Channel channel{
                .fd = connection.fileno(),
                .medium = detail::Medium::socket,
                .deadline = posix::Deadline::after(options_.timeout)};
            detail::deliver_challenge(channel, *options_.authkey);
            detail::answer_challenge(channel, *options_.authkey);
        }
        return connection;
    }

    /// Where it listens; the port is the one that was chosen.
    [[nodiscard]] const Address& address() const noexcept { return address_; }

    /// A descriptor for poll(2) and `connection::wait`: somebody may be accepted.
    ///
    /// @throws OSError  It is closed.
    [[nodiscard]] int fileno() const {
        if (!fd_) throw OSError{EBADF, "listener is closed"};
        return fd_.get();
    }

    /// Closes it and removes its file, unless this is a forked child. Closing twice is
    /// allowed.
    void close() noexcept {
        if (!fd_) return;
        fd_.reset();
        if (file_.owner != ::getpid()) return;
        struct stat now {};
        const std::string& path = address_.text();
        // It may be a stranger's by now.
        if (::lstat(path.c_str(), &now) == 0 && now.st_ino == file_.inode &&
            now.st_dev == file_.device) {
            ::unlink(path.c_str());
        }
        if (!directory_.empty()) ::rmdir(directory_.c_str());
    }

    [[nodiscard]] bool closed() const noexcept { return !fd_; }

private:
    /// The file that this listener has made, if it has.
    struct File {
        pid_t owner = 0;
        ino_t inode = 0;
        dev_t device = 0;
    };

    void make_directory() {
        const char* const chosen = std::getenv("TMPDIR");
        directory_ = chosen != nullptr && *chosen != '\0' ? chosen : "/tmp";
        directory_ += "/listener-XXXXXX";
        if (::mkdtemp(directory_.data()) == nullptr) {
            throw_os_error(errno, "mkdtemp", directory_);
        }
        address_ = directory_ + "/socket";
    }

    void listen() {
        const posix::SocketAddress wanted = address_.resolved();
        fd_ = posix::listen_at(wanted, options_.backlog)
                  .or_throw("bind", address_.is_path() ? address_.text() : "");
        if (!address_.is_path()) {
            const auto got =
                posix::SocketAddress::of_socket(fd_.get()).or_throw("getsockname");
            address_ = {address_.text(), got.port()};
            return;
        }
        if (address_.text().starts_with('\0')) return;
        struct stat status {};
        if (::lstat(address_.text().c_str(), &status) != 0) return;  // gone already
        file_ = {.owner = ::getpid(), .inode = status.st_ino, .device = status.st_dev};
    }

    posix::UniqueFd fd_;
    Address address_;
    ListenerOptions options_;
    std::string directory_;
    File file_;
};

/// Connects to the `Listener` at `address`.
///
///     Connection connection = Client("/run/my.socket", {.authkey = "secret"});
///
/// @throws OSError              Nobody listens there.
/// @throws AuthenticationError  The listener's key is another, or what it sends is no
/// challenge.
/// @throws EOFError             It went away meanwhile.
/// @throws TimeoutError         It took too long to accept, or over showing its key.
///
/// Python: `multiprocessing.connection.Client`.
[[nodiscard]] inline Connection Client(const Address& address,
                                       const ClientOptions& options = {}) {
    const auto deadline = posix::Deadline::after(options.timeout);
    Connection connection{
        posix::connect_to(address.resolved(), deadline)
            .or_throw("connect", address.is_path() ? address.text() : "")};
    if (options.authkey) {
        const detail::Channel channel{.fd = connection.fileno(),
                                      .medium = detail::Medium::socket,
                                      .deadline = deadline};
        detail::answer_challenge(channel, *options.authkey);
        detail::deliver_challenge(channel, *options.authkey);
    }
    return connection;
}

}  // namespace pyproc::multiprocessing
