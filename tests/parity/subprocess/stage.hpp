// SPDX-License-Identifier: BSL-1.0
// What rows need around their calls. Each of these has a namesake in test_subprocess.py.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parity/subprocess/row.hpp"
#include "pyproc/posix/pipe.hpp"

namespace parity {

/// The path of a program of tests/children.
inline std::string child(std::string_view name) {
    const char* const directory = std::getenv("CHILDREN");
    return std::string{directory == nullptr ? "." : directory} + "/child." +
           std::string{name};
}

/// A row that can't do what it needs to is no answer.
inline void require(bool is_done, const char* what) {
    if (!is_done) throw std::runtime_error{what};
}

inline std::string read_file(const std::string& path) {
    std::ostringstream text;
    text << std::ifstream{path}.rdbuf();
    return text.str();
}

inline void make_file(const std::string& path, std::string_view text = {},
                      mode_t mode = 0644) {
    std::ofstream{path} << text;
    require(::chmod(path.c_str(), mode) == 0, "chmod");
}

inline void make_directory(const char* path, mode_t mode = 0755) {
    require(::mkdir(path, 0755) == 0 && ::chmod(path, mode) == 0, "mkdir");
}

inline void make_link(const std::string& target, const char* path) {
    require(::symlink(target.c_str(), path) == 0, "symlink");
}

inline std::string current_directory() {
    char path[4096];
    require(::getcwd(path, sizeof path) != nullptr, "getcwd");
    return path;
}

inline void close_all(std::initializer_list<int> fds) {
    for (const int fd : fds) require(::close(fd) == 0, "close");
}

inline posix::Pipe make_pipe() {
    return posix::make_pipe().or_throw("pipe");
}

/// Until the child has ended, without reaping it.
inline void wait_for_end(const Popen& p) {
    siginfo_t info{};
    require(::waitid(P_PID, static_cast<id_t>(p.pid()), &info, WEXITED | WNOWAIT) == 0,
            "waitid");
}

/// Until something can be read.
inline void wait_for_output(const ReadStream& stream) {
    pollfd entry{.fd = stream.fileno(), .events = POLLIN, .revents = 0};
    require(::poll(&entry, 1, -1) == 1, "poll");
}

}  // namespace parity
