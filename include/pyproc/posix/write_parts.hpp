// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cerrno>
#include <cstddef>

#include <sys/uio.h>

#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/signal_mask.hpp"

namespace pyproc::posix {

/// Writes a first part of `count` pieces of memory, as one, and returns its length;
/// starts over when a signal interrupts it. A reader that is gone is EPIPE, and raises no
/// SIGPIPE.
///
/// Source: pwritev2(2), or else writev(2).
[[nodiscard]] inline Result<std::size_t> write_parts(int fd, const iovec* parts,
                                                     int count) {
    static std::atomic<bool> is_refused{false};
    while (!is_refused.load(std::memory_order_relaxed)) {
        const long put = platform::write_unsignalled(fd, parts, count);
        if (put >= 0) return static_cast<std::size_t>(put);
        if (put == -EINTR) continue;
        // EPERM is what some sandboxes say of calls that they do not know.
        const bool is_unknown = put == -ENOSYS || put == -EOPNOTSUPP || put == -EPERM;
        if (!is_unknown) return Error{static_cast<int>(-put)};
        is_refused.store(true, std::memory_order_relaxed);
    }

    std::size_t size = 0;
    for (int i = 0; i < count; ++i) size += parts[i].iov_len;
    SigpipeBlocked sigpipe;
    for (;;) {
        const ssize_t put = ::writev(fd, parts, count);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            const Error error{errno};
            if (error.code == EPIPE) sigpipe.discard_raised();
            return error;
        }
        // A reader that goes while the write waits for room raises SIGPIPE although a
        // part has been written, of which Linux then returns the length.
        if (static_cast<std::size_t>(put) < size) sigpipe.discard_raised();
        return static_cast<std::size_t>(put);
    }
}

}  // namespace pyproc::posix
