// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdio>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/result.hpp"

/// The named shared memory of shm_open(3), which glibc and musl keep as files in
/// /dev/shm. Opened here by those files' paths, since shm_open takes librt before glibc
/// 2.34, and can't make one without a name.
namespace pyproc::posix::platform {

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// The file that holds a named segment.
struct SegmentPath {
    char text[sizeof "/dev/shm/" + 255];
};

/// @param name  Without a slash, and at most 255 bytes.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline SegmentPath
path_of_segment(const char* name) noexcept {
    SegmentPath path{};
    char* end = path.text;
    for (const char* from = "/dev/shm/"; *from != '\0';) *end++ = *from++;
    const char* const last = path.text + sizeof path.text - 1;
    while (*name != '\0' && end != last) *end++ = *name++;
    return path;
}

/// What the name stands for: fills in `status`. @return 0 or minus an errno.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long
look_up_segment(const char* name, struct stat& status) noexcept {
    const SegmentPath path = path_of_segment(name);
    return system_call(SYS_newfstatat, AT_FDCWD, address(path.text), address(&status),
                       AT_SYMLINK_NOFOLLOW);
}

/// Takes the name away; the memory lives while somebody has it open or mapped.
/// @return 0 or minus an errno.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long unlink_segment(
    const char* name) noexcept {
    const SegmentPath path = path_of_segment(name);
    return system_call(SYS_unlinkat, AT_FDCWD, address(path.text), 0);
}

/// read(2), by a system call. @return The number of bytes or minus an errno.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long read_now(
    int fd, void* to, std::size_t size) noexcept {
    return system_call(SYS_read, fd, address(to), static_cast<long>(size));
}

/// Makes memory from mmap(2) larger, and moves it where it must; what is new is zero.
/// @return Where it is now, or `nullptr`: then it is as it was.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void*
grow_memory_now(void* memory, std::size_t size, std::size_t new_size) noexcept {
    const long moved = system_call(SYS_mremap, address(memory), static_cast<long>(size),
                                   static_cast<long>(new_size), MREMAP_MAYMOVE);
    if (moved < 0 && moved > -4096) return nullptr;
    // NOLINTNEXTLINE(performance-no-int-to-ptr): that is what the system call returns
    return reinterpret_cast<void*>(moved);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

/// Opens a named segment, or makes an empty one, as shm_open(3) does.
[[nodiscard]] inline Result<UniqueFd> open_segment(const char* name, int flags,
                                                   mode_t mode) {
    const SegmentPath path = path_of_segment(name);
    int fd = -1;
    do {
        fd = ::open(path.text, flags | O_CLOEXEC | O_NOFOLLOW, mode);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return Error{errno};
    return lift_above_standard(UniqueFd{fd});
}

/// Makes a segment that has no name yet; `name_segment` gives it one.
///
/// @return ENOSYS where files can't be made so.
/// Source: O_TMPFILE in open(2).
[[nodiscard]] inline Result<UniqueFd> make_nameless_segment(mode_t mode) {
    const int fd = ::open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
    if (fd >= 0) return lift_above_standard(UniqueFd{fd});
    const bool is_refused = errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL;
    return Error{is_refused ? ENOSYS : errno};
}

/// Gives a nameless segment its name, at one stroke.
///
/// @return EEXIST if the name is taken, ENOSYS without /proc.
/// Source: linkat(2).
[[nodiscard]] inline Result<void> name_segment(int fd, const char* name) noexcept {
    const SegmentPath path = path_of_segment(name);
    char own[32];
    std::snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    if (::linkat(AT_FDCWD, own, AT_FDCWD, path.text, AT_SYMLINK_FOLLOW) == 0) return {};
    return Error{errno == ENOENT ? ENOSYS : errno};
}

}  // namespace pyproc::posix::platform
