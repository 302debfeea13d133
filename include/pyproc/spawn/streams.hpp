// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "pyproc/concat.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/spawn/fd_moves.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/redirect.hpp"

namespace pyproc::spawn {

/// One file for each standard stream, or none.
struct StandardFds {
    posix::UniqueFd in;
    posix::UniqueFd out;
    posix::UniqueFd err;
};

/// The files behind the child's standard streams.
struct Streams {
    StandardFds ours;  ///< the caller's ends of pipes
    StandardFds
        theirs;  ///< what was opened for the child, to be closed once it has started
    Sources sources{no_source, no_source, no_source};
    PipeSources pipes{};
};

/// How the standard streams are to be connected, once `capture_output` and `input` have
/// had their say.
struct Redirects {
    const Redirect& in;
    const Redirect& out;
    const Redirect& err;
};

/// @throws ValueError  for options that contradict each other.
[[nodiscard]] inline Redirects resolve_redirects(const Options& options) {
    static const Redirect pipe{PIPE};
    Redirects redirects{options.std_in, options.std_out, options.std_err};
    if (options.input && !options.std_in.is(INHERIT)) {
        throw ValueError{"std_in and input may not both be used."};
    }
    if (options.capture_output &&
        !(options.std_out.is(INHERIT) && options.std_err.is(INHERIT))) {
        throw ValueError{"std_out and std_err may not be used with capture_output."};
    }
    if (options.std_in.is(STDOUT) || options.std_out.is(STDOUT)) {
        throw ValueError{"STDOUT can only be used for std_err"};
    }
    return {options.input ? pipe : redirects.in,
            options.capture_output ? pipe : redirects.out,
            options.capture_output ? pipe : redirects.err};
}

/// Refuses a descriptor that the caller names but does not have open. Left to the child
/// this could not be seen: a number that is free here may by then be one of our own.
///
/// @throws OSError  EBADF.
inline void require_open(int fd) {
    if (::fcntl(fd, F_GETFD) < 0) {
        throw_os_error(
            errno, concat({"the child can't be given descriptor ", std::to_string(fd)}));
    }
}

/// Checks every descriptor that the options name, before any is opened.
///
/// @throws OSError     EBADF for one that is not open.
/// @throws ValueError  for a negative one.
inline void require_open_descriptors(const Options& options, const Redirects& redirects) {
    for (const Redirect* const redirect :
         {&redirects.in, &redirects.out, &redirects.err}) {
        if (redirect->kind() == Redirect::Kind::descriptor) require_open(redirect->fd());
    }
    if (redirects.err.is(STDOUT) && redirects.out.is(INHERIT))
        require_open(STDOUT_FILENO);
    for (const int fd : options.pass_fds) {
        if (fd < 0) throw ValueError{"pass_fds holds a negative descriptor"};
        require_open(fd);
    }
}

/// Opens what one stream needs.
///
/// @param number  The standard descriptor: 0, 1 or 2.
/// @param pipesize  As in `Options`.
/// @param ours    Gets the caller's end of a pipe.
/// @param theirs  Gets what is opened for the child.
/// @return The descriptor that the child is to duplicate, or `no_source`.
/// @throws OSError     with the file's name, if it can't be opened; or if no more
///                     descriptors may be.
/// @throws ValueError  for a path with an embedded NUL.
[[nodiscard]] inline int open_stream(const Redirect& redirect, int number, int pipesize,
                                     posix::UniqueFd& ours, posix::UniqueFd& theirs) {
    const bool is_input = number == STDIN_FILENO;
    if (redirect.kind() == Redirect::Kind::descriptor) return redirect.fd();
    if (redirect.is(PIPE)) {
        auto pipe =
            posix::make_pipe().or_throw("cannot make a pipe for the child (pipe2)");
        if (pipesize > 0) {
            const int code = posix::platform::resize_pipe(pipe.write_end.get(), pipesize);
            if (code != 0) throw_os_error(code, "cannot set a pipe's pipesize (fcntl)");
        }
        ours = std::move(is_input ? pipe.write_end : pipe.read_end);
        theirs = std::move(is_input ? pipe.read_end : pipe.write_end);
        return theirs.get();
    }
    if (redirect.is(DEVNULL)) {
        theirs = posix::open_file("/dev/null", O_RDWR).or_throw("open", "/dev/null");
        return theirs.get();
    }
    if (redirect.kind() == Redirect::Kind::path) {
        const std::string_view path = redirect.path().string();
        if (path.find('\0') != std::string_view::npos) {
            throw ValueError{"embedded null byte in the path of a standard stream"};
        }
        const int flags = is_input ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
        theirs =
            posix::open_file(redirect.path().c_str(), flags, 0666).or_throw("open", path);
        return theirs.get();
    }
    return no_source;
}

/// Opens what the three streams need. If one fails, those before it are closed.
///
/// @throws as `resolve_redirects`, `require_open_descriptors` and `open_stream` do.
[[nodiscard]] inline Streams open_streams(const Options& options) {
    const Redirects redirects = resolve_redirects(options);
    require_open_descriptors(options, redirects);
    Streams streams;
    auto& [in, out, err] = streams.sources.of;
    in = open_stream(redirects.in, STDIN_FILENO, options.pipesize, streams.ours.in,
                     streams.theirs.in);
    out = open_stream(redirects.out, STDOUT_FILENO, options.pipesize, streams.ours.out,
                      streams.theirs.out);
    if (redirects.err.is(STDOUT)) {
        err = out == no_source ? STDOUT_FILENO : out;
    } else {
        err = open_stream(redirects.err, STDERR_FILENO, options.pipesize,
                          streams.ours.err, streams.theirs.err);
    }
    streams.pipes = {
        bool{streams.ours.in}, bool{streams.ours.out},
        bool{streams.ours.err} || (redirects.err.is(STDOUT) && bool{streams.ours.out})};
    return streams;
}

}  // namespace pyproc::spawn
