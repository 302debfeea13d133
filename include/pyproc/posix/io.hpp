// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <string_view>

#include <fcntl.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/signal_mask.hpp"

namespace pyproc::posix {

/// Reads up to `size` bytes; starts over when a signal interrupts it. 0 is the end of
/// file.
///
/// Source: read(2).
[[nodiscard]] inline Result<std::size_t> read_some(int fd, char* to, std::size_t size) {
    for (;;) {
        const ssize_t got = ::read(fd, to, size);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno != EINTR) return Error{errno};
    }
}

/// Writes a first part of `bytes` and returns its length; starts over when a signal
/// interrupts it. A reader that is gone is EPIPE: it raises SIGPIPE too, so callers hold
/// a `SigpipeBlocked`, which is told of it here.
///
/// Source: write(2).
[[nodiscard]] inline Result<std::size_t> write_some(int fd, std::string_view bytes,
                                                    SigpipeBlocked& sigpipe) {
    for (;;) {
        const ssize_t put = ::write(fd, bytes.data(), bytes.size());
        if (put >= 0) return static_cast<std::size_t>(put);
        if (errno == EINTR) continue;
        const Error error{errno};
        if (error.code == EPIPE) sigpipe.discard_raised();
        return error;
    }
}

/// Writes all of `bytes`, however many calls that takes, and raises no SIGPIPE.
[[nodiscard]] inline Result<void> write_all(int fd, std::string_view bytes) {
    SigpipeBlocked sigpipe;
    while (!bytes.empty()) {
        const auto put = write_some(fd, bytes, sigpipe);
        if (!put) return put.error();
        bytes.remove_prefix(*put);
    }
    return {};
}

/// Opens a file, close-on-exec, under a number above the standard ones.
///
/// Source: open(2).
[[nodiscard]] inline Result<UniqueFd> open_file(const char* path, int flags,
                                                mode_t mode = 0) {
    int fd = -1;
    do {
        fd = ::open(path, flags | O_CLOEXEC, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return Error{errno};
    return lift_above_standard(UniqueFd{fd});
}

}  // namespace pyproc::posix
