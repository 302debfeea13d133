// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <streambuf>
#include <typeinfo>

#include <cxxabi.h>

#if __has_include(<ext/stdio_sync_filebuf.h>)
#include <ext/stdio_sync_filebuf.h>
#endif

#if __has_include(<stdio_ext.h>)
#include <stdio_ext.h>
#endif

#include "pyproc/posix/result.hpp"

/// What C and C++ libraries offer under names of their own, or not at all.
namespace pyproc::posix {

/// An exit handler that is registered while the object lives, even beyond the handlers
/// that are registered meanwhile.
///
/// For one that is to run in forked children: a child that registered it by itself could
/// wait for ever. The C library guards its list of handlers with a lock that fork does
/// not reset, and another thread of the parent may have held it.
///
/// musl removes no handler: there, it stays until the process ends, and takes some bytes.
///
/// Source: Itanium C++ ABI, section 3.3.6.
class ExitHandler {
public:
    /// Has `std::exit` call `handler(argument)`, ahead of all that are registered by now.
    ///
    /// The destructor makes one such call, too, which `handler` must be able to tell.
    ///
    /// @param argument  To live as long as the process, for musl's sake.
    ExitHandler(void (*handler)(void*), void* argument) noexcept
        : is_registered_{abi::__cxa_atexit(handler, argument, this) == 0} {}
    ExitHandler(const ExitHandler&) = delete;
    ExitHandler& operator=(const ExitHandler&) = delete;
    ~ExitHandler() {
        if (is_registered_) abi::__cxa_finalize(this);
    }

    /// Whether there was memory for it.
    [[nodiscard]] explicit operator bool() const noexcept { return is_registered_; }

private:
    bool is_registered_;
};

/// Has `std::exit` call `Hook` with the exit status, ahead of every handler that is
/// registered by now and of every destructor of an object with static storage that exists
/// by now. A hook that ends the process by itself so keeps all those from running.
///
/// An exit handler may call this to have the hook called next.
///
/// Only glibc tells a handler the status. Elsewhere, and under `PYPROC_PORTABLE`, it is
/// lost and the hook is given `EXIT_FAILURE`.
///
/// Source: on_exit(3); atexit(3), which promises the reverse order of registration.
template <void (*Hook)(int)>
[[nodiscard]] Result<void> call_first_at_exit() noexcept {
#if defined(__GLIBC__) && !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
    const int failed = ::on_exit([](int status, void*) { Hook(status); }, nullptr);
#else
    const int failed = std::atexit([] { Hook(EXIT_FAILURE); });
#endif
    if (failed != 0) return Error{ENOMEM};
    return {};
}

/// Whether a buffer of a C++ stream hands all that is written to it to a C stream at
/// once, as those of std::cout and its like do until `sync_with_stdio(false)`. Says no
/// where the C++ library does not tell.
///
/// Source: __gnu_cxx::stdio_sync_filebuf in libstdc++.
template <class Char>
[[nodiscard]] bool writes_to_c_stream(
    [[maybe_unused]] const std::basic_streambuf<Char>& buffer) noexcept {
#if __has_include(<ext/stdio_sync_filebuf.h>)
    return typeid(buffer) == typeid(__gnu_cxx::stdio_sync_filebuf<Char>);
#else
    return false;
#endif
}

/// Whether a C stream holds output that is not written yet. Says yes where the C library
/// does not tell.
///
/// Source: __fpending(3), in glibc and musl.
[[nodiscard]] inline bool holds_output(std::FILE* stream) noexcept {
#if __has_include(<stdio_ext.h>)
    return ::__fpending(stream) > 0;
#else
    return stream != nullptr;
#endif
}

/// Whether a C stream may hold input that it has read ahead: whether it has ever been
/// read from. Says yes where the C library does not tell.
[[nodiscard]] inline bool may_hold_input(std::FILE* stream) noexcept {
#if defined(__GLIBC__)
    return stream->_IO_buf_base != nullptr;
#else
    return stream != nullptr;
#endif
}

/// Empties the buffer of a C stream: output is not written, input is not put back.
///
/// Unlike closing the stream, it makes no system call: where the buffer is a forked copy
/// of the parent's, a seek would move the parent's file position too.
///
/// Source: __fpurge(3), in glibc and musl; fpurge(3), in the BSDs and macOS.
inline void discard_buffer(std::FILE* stream) noexcept {
#if __has_include(<stdio_ext.h>)
    ::__fpurge(stream);
#else
    ::fpurge(stream);
#endif
}

}  // namespace pyproc::posix
