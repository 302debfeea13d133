// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/result.hpp"

/// The named shared memory of shm_open(3). glibc before 2.34 has that in librt.
namespace pyproc::posix::platform {

/// A name as shm_open wants it, with its slash.
struct SegmentPath {
    char text[1 + 255 + 1];
};

/// @param name  Without a slash, and at most 255 bytes.
inline SegmentPath path_of_segment(const char* name) noexcept {
    SegmentPath path{};
    char* end = path.text;
    *end++ = '/';
    const char* const last = path.text + sizeof path.text - 1;
    while (*name != '\0' && end != last) *end++ = *name++;
    return path;
}

/// Opens a named segment, or makes an empty one, as shm_open(3) does.
[[nodiscard]] inline Result<UniqueFd> open_segment(const char* name, int flags,
                                                   mode_t mode) {
    int fd = -1;
    do {
        fd = ::shm_open(path_of_segment(name).text, flags, mode);  // it is close-on-exec
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) return Error{errno};
    return lift_above_standard(UniqueFd{fd});
}

/// What the name stands for: fills in `status`. @return 0 or minus an errno.
inline long look_up_segment(const char* name, struct stat& status) noexcept {
    // Not for writing: the permission to read is enough, and to be had by any owner.
    const int fd = ::shm_open(path_of_segment(name).text, O_RDONLY, 0);
    if (fd < 0) return -errno;
    const long result = ::fstat(fd, &status) == 0 ? 0 : -errno;
    ::close(fd);
    return result;
}

/// Takes the name away; the memory lives while somebody has it open or mapped.
/// @return 0 or minus an errno.
inline long unlink_segment(const char* name) noexcept {
    return ::shm_unlink(path_of_segment(name).text) == 0 ? 0 : -errno;
}

/// read(2). @return The number of bytes or minus an errno.
inline long read_now(int fd, void* to, std::size_t size) noexcept {
    const ssize_t got = ::read(fd, to, size);
    return got < 0 ? -errno : got;
}

/// Makes memory from mmap(2) larger, and moves it; what is new is zero.
/// @return Where it is now, or `nullptr`: then it is as it was.
inline void* grow_memory_now(void* memory, std::size_t size,
                             std::size_t new_size) noexcept {
    void* const moved =
        ::mmap(nullptr, new_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (moved == MAP_FAILED) return nullptr;
    std::memcpy(moved, memory, size);
    ::munmap(memory, size);
    return moved;
}

/// In POSIX a segment has a name from its first moment. @return ENOSYS, always.
[[nodiscard]] inline Result<UniqueFd> make_nameless_segment(mode_t) {
    return Error{ENOSYS};
}

/// @return ENOSYS, always.
[[nodiscard]] inline Result<void> name_segment(int, const char*) noexcept {
    return Error{ENOSYS};
}

}  // namespace pyproc::posix::platform
