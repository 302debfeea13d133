// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <csignal>
#include <cstddef>

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "pyproc/posix/linux/child_calls.hpp"
#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// Whether a sanitizer watches the program. Its functions, which memset(3) may be one of,
/// need what it has noted of the program's memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool is_sanitized = true;
#elif defined(__clang__)
inline constexpr bool is_sanitized = __has_feature(address_sanitizer) ||
                                     __has_feature(thread_sanitizer) ||
                                     __has_feature(memory_sanitizer);
#else
inline constexpr bool is_sanitized = false;
#endif

/// What a detached process runs. It must not return, and may use only `child_calls.hpp`
/// and its like: other threads of the program may have held any lock when it was made.
using DetachedEntry = void (*)(void*) noexcept;

/// Starts a copy of the calling process that the program never hears of: it raises no
/// SIGCHLD, and no waitpid(-1) or wait(2) finds it, alive or dead. All signals are
/// blocked in it, and when this returns it has a process group of its own. No handler of
/// pthread_atfork(3) runs.
///
/// Once its parent has ended it belongs to init, as any orphan does.
///
/// @return Its pid, for `reap_detached`.
/// Source: clone(2) with no exit signal; waitpid(2) on "clone" children.
[[nodiscard]] __attribute__((no_sanitize("address", "thread",
                                         "undefined"))) inline Result<pid_t>
start_detached(DetachedEntry entry, void* argument) noexcept {
    sigset_t before;
    block_all_signals(before);
    const long pid = system_call(SYS_clone, 0, 0, 0, 0, 0);
    if (pid == 0) {
        entry(argument);
        exit_now(1);
    }
    // Not by the child, which may come to run late: a SIGKILL for the group of its parent
    // must not reach it once the parent relies on it.
    if (pid > 0) system_call(SYS_setpgid, pid, 0);
    change_signal_mask(&before, nullptr);
    if (pid < 0) return Error{static_cast<int>(-pid)};
    return static_cast<pid_t>(pid);
}

/// Reads one field of a line of /proc/self/maps: hexadecimal digits.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline unsigned long
parse_hexadecimal(const char*& text) noexcept {
    unsigned long value = 0;
    for (;; ++text) {
        if (*text >= '0' && *text <= '9') {
            value = value * 16 + static_cast<unsigned long>(*text - '0');
        } else if (*text >= 'a' && *text <= 'f') {
            value = value * 16 + static_cast<unsigned long>(*text - 'a' + 10);
        } else {
            return value;
        }
    }
}

/// Gives up the mapping in a line of /proc/self/maps, if a detached process has no use
/// for it: shared memory, or at least 1 MiB of memory without a file, which is its
/// parent's heap. Not the memory that holds `kept` or `errno`: the stack, and what
/// belongs to the thread.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
release_mapping_of_line(const char* line, const void* kept) noexcept {
    constexpr unsigned long heap_size = 1UL << 20;
    const unsigned long begin = parse_hexadecimal(line);
    const unsigned long end = parse_hexadecimal(++line);
    const char* const mode = ++line;  // such as "rw-p"
    const auto holds = [&](const volatile void* pointer) {
        const auto at = reinterpret_cast<unsigned long>(pointer);
        return begin <= at && at < end;
    };
    if (holds(kept) || holds(&errno)) return;
    if (mode[3] == 's') {
        system_call(SYS_munmap, static_cast<long>(begin), static_cast<long>(end - begin));
        return;
    }
    line += 5;
    parse_hexadecimal(line);  // offset
    parse_hexadecimal(++line);
    parse_hexadecimal(++line);  // device
    const bool has_file = *++line != '0';
    if (has_file || mode[1] != 'w' || end - begin < heap_size) return;
    system_call(SYS_madvise, static_cast<long>(begin), static_cast<long>(end - begin),
                MADV_DONTNEED);
}

/// Gives up what a detached process has of its parent's memory, which would else be kept
/// for as long as it lives: a copy of each page that the parent changes, and all shared
/// memory. Without /proc, or under a sanitizer, nothing is given up.
///
/// The caller may go on to use its stack, memory it maps after, and small static objects.
///
/// Source: proc(5), madvise(2).
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
release_inherited_memory() noexcept {
    if (is_sanitized) return;
    const long maps = open_file_now("/proc/self/maps", O_RDONLY);
    if (maps < 0) return;
    char line[512];
    std::size_t length = 0;
    char part[1024];
    for (;;) {
        const long got = system_call(SYS_read, maps, address(part), sizeof part);
        if (got <= 0) break;
        for (long i = 0; i < got; ++i) {
            if (part[i] != '\n') {
                // Only the beginning is looked at, and a file's name may be long.
                if (length < sizeof line - 1) line[length++] = part[i];
                continue;
            }
            line[length] = '\0';
            length = 0;
            release_mapping_of_line(line, part);
        }
    }
    system_call(SYS_close, maps);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

/// Waits for a detached process that is known to have ended, so that no zombie is left.
/// Only for the process that has started it.
inline void reap_detached(pid_t pid) noexcept {
    while (::waitpid(pid, nullptr, __WALL) < 0 && errno == EINTR) {
    }
}

}  // namespace pyproc::posix::platform
