// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdio>
#include <ios>
#include <iostream>
#include <streambuf>

#include <fcntl.h>
#include <unistd.h>

#include "pyproc/posix/c_library.hpp"
#include "pyproc/posix/platform.hpp"

namespace pyproc::multiprocessing::detail {

/// Writes out what the standard streams of C and of C++ hold back.
///
/// Not the other streams of C, as `fflush(nullptr)` would: it waits for the lock of each,
/// and a thread that waits for input holds that of stdin; and a forked child has copies
/// of its parent's, which are the parent's to write.
///
/// Failures stay where they belong: in the state of the stream.
///
/// Python: `multiprocessing.util._flush_std_streams`.
inline void flush_streams() noexcept {
    const auto flush = [](auto& stream) {
        // Most often they hold back nothing themselves, and looking is cheaper by a few
        // pages of code, which a forked child would have to fetch one by one.
        if (stream.rdbuf() != nullptr && posix::writes_to_c_stream(*stream.rdbuf()))
            return;
        try {
            stream.flush();
        } catch (...) {
            // A stream may be set to throw; its state says so too.
        }
    };
    flush(std::cout);
    flush(std::cerr);
    flush(std::clog);
    flush(std::wcout);
    flush(std::wcerr);
    flush(std::wclog);
    if (posix::holds_output(stdout)) std::fflush(stdout);
    if (posix::holds_output(stderr)) std::fflush(stderr);
}

/// Drops what a forked child holds of its parent's output: what another thread of the
/// parent has written since it flushed, or what could not be flushed. It is the parent's
/// to write, and the child would write it a second time.
inline void drop_inherited_output() noexcept {
    // Only if there is any: a page that is written to is one that is copied.
    if (posix::holds_output(stdout)) posix::discard_buffer(stdout);
    if (posix::holds_output(stderr)) posix::discard_buffer(stderr);
}

/// Empties the buffer of an input stream without reading on, in whatever state the stream
/// is.
template <class Char>
void drop_read_ahead(std::basic_ios<Char>& stream) {
    // Names the protected members, which then are those of any buffer.
    struct Access : std::basic_streambuf<Char> {
        static void empty(std::basic_streambuf<Char>& buffer) {
            Char* const end = (buffer.*&Access::egptr)();
            if ((buffer.*&Access::gptr)() == end) return;
            (buffer.*&Access::setg)(end, end, end);
        }
    };
    if (stream.rdbuf() != nullptr) Access::empty(*stream.rdbuf());
}

/// Gives a forked child an empty input: two processes that read one terminal or file
/// would each get parts of it, and neither could know which.
///
/// Python: `multiprocessing.util._close_stdin`.
inline void detach_input() noexcept {
    // The calls of a child that has no time to look for functions: see `leave_child`.
    namespace platform = posix::platform;
    const auto no_input =
        static_cast<int>(platform::open_file_now("/dev/null", O_RDONLY));
    if (no_input < 0) return;
    // Else the input is closed, and stays so: its number was free.
    const bool is_open = no_input != STDIN_FILENO;
    const bool is_replaced =
        is_open && platform::put_descriptor(no_input, STDIN_FILENO) >= 0;
    platform::close_descriptors(no_input, no_input, no_input + 1);
    if (!is_replaced) return;
    // Only now: what the parent has read ahead is the parent's, and so is the position in
    // its file, which the C library would set back when it drops what it has read.
    if (posix::may_hold_input(stdin)) posix::discard_buffer(stdin);
    // Theirs are empty already unless the program has parted them from stdin, by
    // sync_with_stdio(false).
    drop_read_ahead(std::cin);
    drop_read_ahead(std::wcin);
}

}  // namespace pyproc::multiprocessing::detail
