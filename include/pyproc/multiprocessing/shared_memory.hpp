// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/result.hpp"
#include "pyproc/posix/segment_tracker.hpp"
#include "pyproc/posix/shared_memory.hpp"

/// Python's `multiprocessing.shared_memory`.
namespace pyproc::multiprocessing::shared_memory {

/// A number of bytes, from an integer of any type. One that is negative stays so, to be
/// refused, instead of becoming a huge one.
class ByteCount {
public:
    template <std::integral Number>
    constexpr ByteCount(Number count) noexcept
        : is_negative_{count < Number{}},
          count_{is_negative_ ? 0 : static_cast<std::uintmax_t>(count)} {}

    [[nodiscard]] constexpr bool is_negative() const noexcept { return is_negative_; }
    [[nodiscard]] constexpr std::uintmax_t count() const noexcept { return count_; }

private:
    bool is_negative_;
    std::uintmax_t count_;
};

/// How to get at a segment.
struct SharedMemoryOptions {
    /// Whether it is made, and must not be there yet; else it must be there.
    bool create = false;

    /// Its name, for other processes to find it by. Unset, for one that is made: a new
    /// one, `psm_` and eight hexadecimal digits.
    std::optional<std::string> name = std::nullopt;

    /// Of the segment that is made, in bytes. One that is there has its size already.
    ByteCount size = 0;

    /// Whether a segment that is made loses its name, at the latest, when the family of
    /// its maker has ended; see `SharedMemory`. On one that is there it has no effect.
    bool track = true;
};

/// Memory that processes share by its name, mapped for reading and writing.
///
///     SharedMemory made(std::nullopt, true, 1024);
///     SharedMemory same(made.name());  // in this process or another, or in Python
///
/// The name is the system's, of shm_open(3): Python's `SharedMemory` opens what is made
/// here, and the reverse. The segment is gone once its name is and nobody has it mapped.
///
/// **Who takes the name away.** `unlink` does, called through any object, in any process.
/// If nobody calls it, the segment lives as long as the family of the process that has
/// made it: that process, and all that were forked from it after it, or a parent of it,
/// had made its first. When the last of them has ended, in whatever way, SIGKILL
/// included, the names that they have left are taken away, by a process of the
/// library's, the tracker; see `resource_tracker`. `track = false` makes one that is
/// never taken away but by `unlink`.
///
/// To attach to a segment makes nobody its owner: neither the end of the object nor that
/// of its process takes away what another has made, unlike in Python before 3.13. And no
/// name is ever taken away that has meanwhile been given to another segment.
///
/// The destructor is `close`: it unmaps the memory and leaves the name. A forked child
/// has a mapping of its own of the same memory.
///
/// No access is guarded: use a `Lock`, or atomics, `std::atomic_ref` say.
///
/// Threads: calls on the same object are safe if none of them closes, moves or destroys
///          it.
/// Python:  `multiprocessing.shared_memory.SharedMemory`. There, `track` makes those who
///          attach owners, too; its size of a segment may be rounded up on other systems.
class SharedMemory {
public:
    /// @throws ValueError  A negative size, or none for a segment to be made; no name for
    ///                     one that is there; a name with a NUL; a segment without size.
    /// @throws FileExistsError    There is one of this name, and it was to be made.
    /// @throws FileNotFoundError  There is none of this name.
    /// @throws OSError     The system refuses: ENOSPC if there is less memory left than
    ///                     `size`, EFBIG beyond RLIMIT_FSIZE, EINVAL for an empty name or
    ///                     one with a slash in it.
    explicit SharedMemory(SharedMemoryOptions options) {
        if (options.size.is_negative()) {
            throw ValueError{"'size' must be a positive integer"};
        }
        if (options.create && options.size.count() == 0) {
            throw ValueError{"'size' must be a positive number different from zero"};
        }
        if (!options.create && !options.name) {
            throw ValueError{"'name' can only be None if create=True"};
        }
        if (!options.create) {
            open(std::move(*options.name));
        } else if (options.name) {
            name_ = std::move(*options.name);
            make(options).or_throw("shm_open", '/' + name_);
        } else {
            make_under_new_name(options);
        }
    }

    /// The same, with the parameters in Python's order.
    explicit SharedMemory(std::optional<std::string> name, bool create = false,
                          ByteCount size = 0, bool track = true)
        : SharedMemory{SharedMemoryOptions{
              .create = create, .name = std::move(name), .size = size, .track = track}} {}

    /// The memory. Spans of it that are left after `close` must not be used.
    ///
    /// @throws ValueError  It is closed.
    [[nodiscard]] std::span<std::byte> buf() const {
        if (!segment_.memory) throw ValueError{"shared memory is closed"};
        return {segment_.memory.data(), segment_.memory.size()};
    }

    /// The name by which others find it.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// In bytes, as the segment had when it was opened; after `close`, too.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// Unmaps the memory. The segment stays, under its name. May be called again.
    void close() noexcept { segment_.memory.reset(); }

    /// Takes the name away: nobody can attach any more, and the memory is given back once
    /// nobody has it mapped. To be called by one of those who use it; after `close`, too.
    ///
    /// @throws FileNotFoundError  It has been done already, and perhaps another segment
    ///                            has got the name since; that one is left alone.
    /// @throws OSError            The system refuses.
    void unlink() const {
        posix::unlink_segment(segment_.note).or_throw("shm_unlink", '/' + name_);
    }

private:
    static constexpr mode_t mode = 0600;

    void open(std::string name) {
        name_ = std::move(name);
        auto opened = posix::open_segment(note_of_name());
        if (opened.code() == ENODATA) throw ValueError{"cannot mmap an empty file"};
        segment_ = std::move(opened).or_throw("shm_open", '/' + name_);
        size_ = segment_.memory.size();
    }

    [[nodiscard]] posix::SegmentNote note_of_name() const {
        if (name_.find('\0') != std::string::npos) {
            throw ValueError{"embedded null character"};
        }
        return posix::segment_named(name_).or_throw("shm_open", '/' + name_);
    }

    [[nodiscard]] posix::Result<void> make(const SharedMemoryOptions& options) {
        // off_t is signed.
        if (options.size.count() > std::numeric_limits<std::size_t>::max() / 2) {
            return posix::Error{EFBIG};
        }
        const auto size = static_cast<std::size_t>(options.size.count());
        auto made = posix::make_segment(
            note_of_name(), size, mode,
            options.track ? posix::Tracking::on : posix::Tracking::off);
        if (!made) return made.error();
        segment_ = std::move(*made);
        size_ = size;
        return {};
    }

    void make_under_new_name(const SharedMemoryOptions& options) {
        for (;;) {
            name_ = new_name();
            const auto made = make(options);
            if (made.code() == EEXIST) continue;
            made.or_throw("shm_open", '/' + name_);
            return;
        }
    }

    /// Python's form, so that tools which know it find these, too.
    [[nodiscard]] static std::string new_name() {
        unsigned char random[4];
        if (::getentropy(random, sizeof random) != 0) throw_os_error(errno, "getentropy");
        std::string name = "psm_";
        for (const unsigned char byte : random) {
            constexpr std::string_view digits = "0123456789abcdef";
            name += digits[byte / 16];
            name += digits[byte % 16];
        }
        return name;
    }

    std::string name_;  ///< as it was given
    std::size_t size_ = 0;
    posix::Segment segment_;
};

}  // namespace pyproc::multiprocessing::shared_memory

/// Python's `multiprocessing.resource_tracker`.
namespace pyproc::multiprocessing::resource_tracker {

/// Starts the tracker, the process that takes away the names of shared memory that its
/// family leaves, unless there is one already.
///
/// The first `SharedMemory` that is made does so, too. Earlier is better in two cases: if
/// children that are forked before it shall be of the family; and if the program grows,
/// since the tracker is a fork, which takes the longer the larger the program is.
///
/// The tracker raises no SIGCHLD in the program, and no `waitpid(-1)` finds it; it has a
/// process group of its own, blocks all signals, has none of the program's descriptors
/// open, keeps none of its memory, and ends when the family has. Only SIGKILL ends it
/// before: the next segment that is made or unlinked then starts another, and what this
/// process has made is tracked again. To leave names behind, one must kill the tracker
/// and the makers.
///
/// On systems other than Linux, and under `PYPROC_PORTABLE`, the program gets one
/// SIGCHLD, of a child that is waited for at once, and the tracker's memory is a copy of
/// the program's.
///
/// @throws OSError  The system refuses another process or descriptor.
///
/// Python: `resource_tracker.ensure_running`.
inline void ensure_running() {
    posix::SegmentTracker::here().ensure_running().or_throw("resource tracker");
}

}  // namespace pyproc::multiprocessing::resource_tracker
