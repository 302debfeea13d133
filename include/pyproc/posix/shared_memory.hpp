// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/segment_tracker.hpp"

namespace pyproc::posix {

/// Memory that is mapped shared, and unmapped in the end.
class MappedSegment {
public:
    MappedSegment() noexcept = default;
    MappedSegment(void* memory, std::size_t size) noexcept
        : memory_{memory}, size_{size} {}
    MappedSegment(MappedSegment&& other) noexcept
        : memory_{std::exchange(other.memory_, nullptr)},
          size_{std::exchange(other.size_, 0)} {}
    MappedSegment& operator=(MappedSegment&& other) noexcept {
        std::swap(memory_, other.memory_);
        std::swap(size_, other.size_);
        return *this;
    }
    ~MappedSegment() { reset(); }

    [[nodiscard]] std::byte* data() const noexcept {
        return static_cast<std::byte*>(memory_);
    }
    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] explicit operator bool() const noexcept { return memory_ != nullptr; }

    void reset() noexcept {
        if (memory_ != nullptr) ::munmap(memory_, size_);
        memory_ = nullptr;
        size_ = 0;
    }

private:
    void* memory_ = nullptr;
    std::size_t size_ = 0;
};

/// A named segment of shared memory, mapped.
struct Segment {
    MappedSegment memory;
    SegmentNote note;  ///< its name and id
};

/// Whether the tracker takes the name away once the family of its maker has ended.
enum class Tracking : bool { off, on };

/// The name of a segment as the functions below want it: without the slashes at its
/// beginning.
///
/// @return EINVAL if nothing is left of it, or if there is a slash or a NUL within;
///         ENAMETOOLONG beyond 255 bytes.
[[nodiscard]] inline Result<SegmentNote> segment_named(std::string_view name) noexcept {
    while (name.starts_with('/')) name.remove_prefix(1);
    if (name.empty() || name.find('/') != name.npos || name.find('\0') != name.npos) {
        return Error{EINVAL};
    }
    SegmentNote note;
    if (name.size() >= sizeof note.name) return Error{ENAMETOOLONG};
    name.copy(note.name, name.size());
    return note;
}

namespace detail {

[[nodiscard]] inline Result<SegmentId> id_of(int fd) noexcept {
    struct stat status {};
    if (::fstat(fd, &status) != 0) return Error{errno};
    return SegmentId{status.st_dev, status.st_ino};
}

/// Gives an empty segment its size, and maps it.
[[nodiscard]] inline Result<MappedSegment> size_and_map(int fd, std::size_t size) {
    // Memory is given only when it is touched, and where there is none left, that is
    // SIGBUS. Better to be told now; other processes may still be faster.
    struct statvfs room {};
    if (::fstatvfs(fd, &room) == 0 && room.f_blocks != 0 && room.f_frsize != 0 &&
        size / room.f_frsize > room.f_bavail) {
        return Error{ENOSPC};
    }
    // Beyond this limit, ftruncate would raise SIGXFSZ.
    rlimit limit{};
    if (::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
        size > limit.rlim_cur) {
        return Error{EFBIG};
    }
    if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return Error{errno};
    void* const memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return Error{errno};
    return MappedSegment{memory, size};
}

/// Makes a segment where it can have its name only once it is ready: nobody ever sees it
/// with another size, and no death leaves it unnoted.
[[nodiscard]] inline Result<Segment> make_nameless_first(SegmentNote note,
                                                         std::size_t size, mode_t mode,
                                                         Tracking tracking) {
    const auto fd = platform::make_nameless_segment(mode);
    if (!fd) return fd.error();
    const auto id = id_of(fd->get());
    if (!id) return id.error();
    auto memory = size_and_map(fd->get(), size);
    if (!memory) return memory.error();
    note.kind = SegmentNote::Kind::made;
    note.id = *id;
    if (tracking == Tracking::on) {
        const auto noted = SegmentTracker::here().add(note);
        if (!noted) return noted.error();
    }
    const auto named = platform::name_segment(fd->get(), note.name);
    if (named) return Segment{std::move(*memory), note};
    if (tracking == Tracking::on) SegmentTracker::here().remove(note);
    return named.error();
}

/// Makes a segment by its name, with a mode that nobody else would give it until it is
/// ready: if its maker dies meanwhile, the tracker knows it by that.
[[nodiscard]] inline Result<Segment> make_named_first(SegmentNote note, std::size_t size,
                                                      mode_t mode, Tracking tracking) {
    SegmentTracker& tracker = SegmentTracker::here();
    note.kind = SegmentNote::Kind::attempt;
    if (tracking == Tracking::on) {
        if (const auto noted = tracker.add(note); !noted) return noted.error();
    }
    const SegmentNote attempt = note;
    const auto make = [&]() -> Result<Segment> {
        const auto fd =
            platform::open_segment(note.name, O_RDWR | O_CREAT | O_EXCL, unready_mode);
        if (!fd) return fd.error();
        const auto finish = [&]() -> Result<Segment> {
            const auto id = id_of(fd->get());
            if (!id) return id.error();
            auto memory = size_and_map(fd->get(), size);
            if (!memory) return memory.error();
            note.kind = SegmentNote::Kind::made;
            note.id = *id;
            if (tracking == Tracking::on) {
                if (const auto noted = tracker.add(note); !noted) return noted.error();
            }
            if (::fchmod(fd->get(), mode) != 0) return Error{errno};
            return Segment{std::move(*memory), note};
        };
        auto made = finish();
        if (!made) platform::unlink_segment(note.name);
        return made;
    };
    auto made = make();
    if (tracking == Tracking::on) {
        if (!made && note.kind == SegmentNote::Kind::made) tracker.remove(note);
        tracker.remove(attempt);
    }
    return made;
}

}  // namespace detail

/// Makes a segment that has not been there, zeroed, of exactly `size` bytes.
///
/// With tracking it is noted before it can be seen, so no death of the caller, at any
/// moment, leaves it behind.
///
/// @param name  From `segment_named`.
/// @return EEXIST if there is one of this name; ENOSPC if there is less memory left for
///         it; EFBIG if the process may not make files of that size (RLIMIT_FSIZE).
[[nodiscard]] inline Result<Segment> make_segment(const SegmentNote& name,
                                                  std::size_t size, mode_t mode,
                                                  Tracking tracking) {
    auto made = detail::make_nameless_first(name, size, mode, tracking);
    if (made || made.code() != ENOSYS) return made;
    return detail::make_named_first(name, size, mode, tracking);
}

/// Opens and maps a segment that is there. Nothing is noted: it is its maker's.
///
/// @return ENODATA if it has no size, as while another program is making it.
[[nodiscard]] inline Result<Segment> open_segment(SegmentNote note) {
    const auto fd = platform::open_segment(note.name, O_RDWR, 0);
    if (!fd) return fd.error();
    struct stat status {};
    if (::fstat(fd->get(), &status) != 0) return Error{errno};
    if (status.st_size == 0) return Error{ENODATA};
    note.kind = SegmentNote::Kind::made;
    note.id = {status.st_dev, status.st_ino};
    const auto size = static_cast<std::size_t>(status.st_size);
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
    if (memory == MAP_FAILED) return Error{errno};
    return Segment{MappedSegment{memory, size}, note};
}

/// Takes the name of a segment away, but not if it has become another segment's.
///
/// @return ENOENT if its name is gone, or another's.
[[nodiscard]] inline Result<void> unlink_segment(const SegmentNote& note) {
    struct stat status {};
    long result = platform::look_up_segment(note.name, status);
    if (result == 0 && SegmentId{status.st_dev, status.st_ino} != note.id) {
        result = -ENOENT;
    }
    if (result == 0) result = platform::unlink_segment(note.name);
    // Only then: a death between leaves the tracker with the name of what is gone, and it
    // looks before it unlinks.
    if (result == 0 || result == -ENOENT) SegmentTracker::here().remove(note);
    if (result != 0) return Error{static_cast<int>(-result)};
    return {};
}

}  // namespace pyproc::posix
