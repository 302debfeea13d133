// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// The two ends of a pipe.
struct Pipe {
    UniqueFd read_end;
    UniqueFd write_end;
};

/// Makes a pipe whose ends are close-on-exec from their first moment, so that no child
/// started by another thread can inherit one and keep the pipe open, and have numbers
/// above 2.
///
/// Source: pipe2(2).
[[nodiscard]] inline Result<Pipe> make_pipe() {
    int fds[2];
    if (const int code = platform::pipe_cloexec(fds); code != 0) return Error{code};
    UniqueFd low{fds[0]};
    UniqueFd high{fds[1]};
    auto read_end = lift_above_standard(std::move(low));
    if (!read_end) return read_end.error();
    auto write_end = lift_above_standard(std::move(high));
    if (!write_end) return write_end.error();
    return Pipe{std::move(*read_end), std::move(*write_end)};
}

/// A descriptor that polls readable for ever: it stands for what has ended.
[[nodiscard]] inline Result<UniqueFd> make_ended() {
    auto pipe = make_pipe();
    if (!pipe) return pipe.error();
    if (::write(pipe->write_end.get(), "", 1) != 1) return Error{errno};
    return std::move(pipe->read_end);
}

}  // namespace pyproc::posix
