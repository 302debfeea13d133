// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// Sole owner of one file descriptor, which it closes once.
class UniqueFd {
public:
    UniqueFd() noexcept = default;
    explicit UniqueFd(int fd) noexcept : fd_{fd} {}
    UniqueFd(UniqueFd&& other) noexcept : fd_{other.release()} {}
    ~UniqueFd() { reset(); }

    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(other.release());
        return *this;
    }

    [[nodiscard]] int get() const noexcept { return fd_; }
    [[nodiscard]] explicit operator bool() const noexcept { return fd_ >= 0; }

    /// Gives the descriptor up without closing it.
    [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

    /// Closes the descriptor held, if any, and takes `fd` in its place. Keeps `errno`, so
    /// that cleaning up after a failed call does not hide why it failed.
    void reset(int fd = -1) noexcept {
        const int old = std::exchange(fd_, fd);
        if (old < 0) return;
        const int saved = errno;
        // Not retried on EINTR: Linux has freed the number by then, and a second close
        // could hit a descriptor that another thread has just opened.
        ::close(old);
        errno = saved;
    }

private:
    int fd_ = -1;
};

/// A close-on-exec duplicate of `fd` whose number is above 2.
///
/// Source: F_DUPFD_CLOEXEC in fcntl(2).
[[nodiscard]] inline Result<UniqueFd> duplicate_above_standard(int fd) noexcept {
    const int duplicate = ::fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    // EINVAL is its word for a limit of 3 descriptors: there are no such numbers.
    if (duplicate < 0) return Error{errno == EINVAL ? EMFILE : errno};
    return UniqueFd{duplicate};
}

/// Gives `fd` a number above 2, where a redirection of the standard streams can't hit it.
///
/// A program that has closed one of its standard descriptors gets that number for the
/// next file it opens. Costs nothing in the usual case, where the number is above 2
/// already.
[[nodiscard]] inline Result<UniqueFd> lift_above_standard(UniqueFd fd) {
    if (fd.get() > STDERR_FILENO) return fd;
    return duplicate_above_standard(fd.get());
}

/// The same, but where there is no descriptor left, the number stays as it is.
[[nodiscard]] inline UniqueFd lift_if_possible(UniqueFd fd) noexcept {
    if (fd.get() < 0 || fd.get() > STDERR_FILENO) return fd;
    auto lifted = duplicate_above_standard(fd.get());
    if (lifted) fd = std::move(*lifted);
    return fd;
}

}  // namespace pyproc::posix
