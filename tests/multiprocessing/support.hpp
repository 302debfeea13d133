// SPDX-License-Identifier: BSL-1.0
// What the tests of this folder share.
#pragma once

#include <cstdlib>
#include <string>

#include <poll.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"

namespace test {

/// A pipe by which a child and the test tell each other how far they are. Any process
/// that has a copy may use either side.
class Channel {
public:
    void tell(const std::string& text = "!") const {
        pyproc::posix::write_all(pipe_.write_end.get(), text + '\n').or_throw("write");
    }

    /// One line, waited for.
    [[nodiscard]] std::string hear() const {
        std::string line;
        for (char byte = 0;;) {
            const auto got = pyproc::posix::read_some(pipe_.read_end.get(), &byte, 1);
            if (!got || *got == 0) std::abort();
            if (byte == '\n') return line;
            line += byte;
        }
    }

    [[nodiscard]] int read_end() const noexcept { return pipe_.read_end.get(); }

    /// Waits for a line that says nothing but that it has come to this.
    void await() const { static_cast<void>(hear()); }

private:
    pyproc::posix::Pipe pipe_ = pyproc::posix::make_pipe().or_throw("pipe");
};

/// Whether poll(2) says that there is something to read or nothing more to come.
inline bool is_ready(int fd, int milliseconds = 0) {
    pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&entry, 1, milliseconds) == 1 && (entry.revents & POLLNVAL) == 0;
}

/// Collects what is written to a standard descriptor of this process while it lives.
class Redirected {
public:
    explicit Redirected(int fd) : fd_{fd}, saved_{::dup(fd)} {
        ::dup2(pipe_.write_end.get(), fd);
    }
    ~Redirected() {
        if (saved_) ::dup2(saved_.get(), fd_);
    }
    Redirected(const Redirected&) = delete;
    Redirected& operator=(const Redirected&) = delete;

    /// Ends the redirection, and returns what came. No child that inherited it may live.
    [[nodiscard]] std::string text() {
        ::dup2(saved_.get(), fd_);
        saved_.reset();
        pipe_.write_end.reset();
        std::string all;
        char part[4096];
        for (;;) {
            const auto got =
                pyproc::posix::read_some(pipe_.read_end.get(), part, sizeof part);
            if (!got || *got == 0) return all;
            all.append(part, *got);
        }
    }

private:
    int fd_;
    pyproc::posix::UniqueFd saved_;
    pyproc::posix::Pipe pipe_ = pyproc::posix::make_pipe().or_throw("pipe");
};

}  // namespace test
