// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <pyproc/mpi/session.hpp>

#include <string>

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

namespace test {

/// The session that the main program of MPI's tests has made.
pyproc::mpi::Session& session();

/// What tasks wait for, on whatever rank of this machine.
class Gate {
public:
    Gate() : path_{"/tmp/pyproc-test-gate-XXXXXX"} {
        ::close(::mkstemp(path_.data()));
        ::unlink(path_.c_str());
    }
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate() { ::unlink(path_.c_str()); }

    [[nodiscard]] const std::string& path() const noexcept { return path_; }
    [[nodiscard]] bool is_open() const { return is_there(path_); }
    void open() const { open_at(path_); }

    static void open_at(const std::string& path) {
        ::close(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }

    /// A task: waits until the gate is open.
    static void pass(const std::string& path) {
        while (!is_there(path)) {
            const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
            ::nanosleep(&moment, nullptr);
        }
    }

private:
    [[nodiscard]] static bool is_there(const std::string& path) {
        return ::access(path.c_str(), F_OK) == 0;
    }

    std::string path_;
};

}  // namespace test
