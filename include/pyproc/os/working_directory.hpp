// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <string>

#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/path.hpp"

namespace pyproc::os {

/// The working directory as an absolute path, of any length.
///
/// @throws FileNotFoundError  It has been deleted, or lies outside this process's root.
/// @throws PermissionError    A directory above it may not be read.
///
/// Python: `os.getcwd()`. Source: getcwd(3).
[[nodiscard]] inline std::string getcwd() {
    constexpr std::size_t long_enough_for_most = 256;
    std::string path(long_enough_for_most, '\0');
    while (::getcwd(path.data(), path.size()) == nullptr) {
        if (errno != ERANGE) throw_os_error(errno, "getcwd");
        path.resize(path.size() * 2);
    }
    // "(unreachable)/…" is what the kernel calls a directory outside the root; not every
    // C library makes an error of it.
    if (path.front() != '/') throw_os_error(ENOENT, "getcwd");
    path.resize(path.find('\0'));
    return path;
}

/// Changes the working directory, for all threads of this process.
///
/// @param path  Relative to the old working directory, unless it starts with a slash.
/// @throws FileNotFoundError   There is no such directory, or `path` is empty.
/// @throws NotADirectoryError  It is a file, or a part of `path` is.
/// @throws PermissionError     It may not be entered.
/// @throws OSError             ELOOP, ENAMETOOLONG, EIO.
/// @throws ValueError          `path` has a NUL in it.
///
/// Python: `os.chdir(path)`. Source: chdir(2).
inline void chdir(const posix::Path& path) {
    if (path.string().find('\0') != std::string::npos) {
        throw ValueError{"chdir: embedded null byte"};
    }
    if (::chdir(path.c_str()) != 0) throw_os_error(errno, "chdir", path.string());
}

/// Changes the working directory to an open one.
///
/// A template so that only an `int` is taken for a descriptor: `chdir('/')` would
/// otherwise mean descriptor 47.
///
/// @throws NotADirectoryError  The descriptor is that of a file.
/// @throws OSError             EBADF: it is not open. `filename()` is the number.
///
/// Python: `os.chdir(fd)`, `os.fchdir(fd)`. Source: fchdir(2).
inline void chdir(std::same_as<int> auto fd) {
    if (::fchdir(fd) != 0) throw_os_error(errno, "fchdir", std::to_string(fd));
}

/// Sets which permissions new files of this process, in all threads, are made without.
///
/// @param mask  Permission bits, such as 022; all other bits are ignored.
/// @return The mask until now.
///
/// Python: `os.umask(mask)`. Source: umask(2).
inline mode_t umask(mode_t mask) noexcept {
    return ::umask(mask);
}

}  // namespace pyproc::os
