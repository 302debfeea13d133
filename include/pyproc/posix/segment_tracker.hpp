// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstring>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/posix/per_process.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/result.hpp"

/// Takes the names of shared memory away when those who made it have died.
///
/// A process of its own, the tracker, reads a pipe that its family alone can write to:
/// the process that has started it, and all that were forked from that one since. They
/// note in it what they make. When the last of them has ended, however it did, the pipe
/// is at its end, and the tracker takes away the names that are left.
namespace pyproc::posix {

/// What tells a segment from others that have had its name or will have it.
struct SegmentId {
    dev_t device = 0;
    ino_t inode = 0;

    friend bool operator==(const SegmentId&, const SegmentId&) = default;
};

/// What the tracker is told.
struct SegmentNote {
    enum class Kind : char {
        attempt,  ///< A segment may soon be made: it is unmistakable by its mode.
        made,     ///< It has been or will be made, and is known by its id.
        gone,     ///< It has no name any more, or never got one.
    };

    Kind kind = Kind::gone;
    SegmentId id = {};
    char name[256] = {};  ///< without a slash
};
static_assert(sizeof(SegmentNote) <= 512,
              "sent by one write, which POSIX makes atomic up to 512 bytes (PIPE_BUF)");

/// The mode of a segment that is not ready: its maker alone has it open for writing.
inline constexpr mode_t unready_mode = 0400;

namespace detail {

#ifdef __clang__
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// Takes a name away if it stands for what was noted, and not for another's segment.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void
unlink_if_noted(const SegmentNote& note) noexcept {
    struct stat status {};
    if (platform::look_up_segment(note.name, status) != 0) return;
    const bool is_it =
        note.kind == SegmentNote::Kind::attempt
            ? (status.st_mode & 07777) == unready_mode
            : status.st_dev == note.id.device && status.st_ino == note.id.inode;
    if (is_it) platform::unlink_segment(note.name);
}

/// What the tracker knows: all that is noted and not gone, in no order.
struct SegmentNotes {
    SegmentNote* notes;
    std::size_t count;
    std::size_t bytes;  ///< of the memory that holds them
};

__attribute__((no_sanitize("address", "thread", "undefined"))) inline bool
are_for_same_segment(const SegmentNote& a, const SegmentNote& b) noexcept {
    if (a.id.inode != b.id.inode || a.id.device != b.id.device) return false;
    for (std::size_t i = 0; i < sizeof a.name; ++i) {
        if (a.name[i] != b.name[i]) return false;
        if (a.name[i] == '\0') break;
    }
    return true;
}

__attribute__((no_sanitize("address", "thread", "undefined"))) inline void apply_note(
    SegmentNotes& known, const SegmentNote& note) noexcept {
    if (note.kind == SegmentNote::Kind::gone) {
        for (std::size_t i = 0; i < known.count; ++i) {
            if (!are_for_same_segment(known.notes[i], note)) continue;
            known.notes[i] = known.notes[--known.count];
            return;
        }
        return;
    }
    if ((known.count + 1) * sizeof note > known.bytes) {
        void* const grown =
            platform::grow_memory_now(known.notes, known.bytes, 2 * known.bytes);
        if (grown == nullptr) return;  // no memory to remember it
        known.notes = static_cast<SegmentNote*>(grown);
        known.bytes *= 2;
    }
    known.notes[known.count++] = note;
}

/// What the tracker is started with.
struct TrackerStart {
    int read_end;
    int descriptor_limit;
    void* memory;
    std::size_t bytes;
};

/// The life of the tracker.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline void track_segments(
    void* argument) noexcept {
    const auto start = *static_cast<const TrackerStart*>(argument);
    platform::change_directory("/");
    // Whoever waits for the end of a pipe of the family must not wait for the tracker.
    platform::close_descriptors(0, start.read_end - 1, start.descriptor_limit);
    platform::close_descriptors(start.read_end + 1, INT_MAX, start.descriptor_limit);
    platform::release_inherited_memory();

    SegmentNotes known{static_cast<SegmentNote*>(start.memory), 0, start.bytes};
    SegmentNote note;
    auto* const bytes = reinterpret_cast<char*>(&note);
    for (std::size_t length = 0;;) {
        const long got =
            platform::read_now(start.read_end, bytes + length, sizeof note - length);
        if (got == -EINTR) continue;
        if (got <= 0) break;
        length += static_cast<std::size_t>(got);
        if (length < sizeof note) continue;
        length = 0;
        apply_note(known, note);
    }
    for (std::size_t i = 0; i < known.count; ++i) unlink_if_noted(known.notes[i]);
    platform::exit_now(0);
}

#ifdef __clang__
#pragma clang attribute pop
#endif

}  // namespace detail

/// The calling process's way to the tracker, which is started when it is first needed.
///
/// A forked child shares the tracker of its parent if that had one by then.
///
/// Should the tracker die, which takes a SIGKILL meant for it, the next call starts
/// another and tells it of all that this process has noted; what other processes of the
/// family have noted is forgotten until they call, too.
///
/// Threads: any number at once.
class SegmentTracker {
public:
    /// The one of the calling process.
    [[nodiscard]] static SegmentTracker& here() {
        return of_this_process<SegmentTracker>();
    }

    /// Starts the tracker if there is none. Children that are forked from then on share
    /// it.
    [[nodiscard]] Result<void> ensure_running() {
        const std::lock_guard lock{mutex_};
        if (is_usable(channel())) return {};
        return restart();
    }

    /// Notes that a segment has been or is about to be made.
    [[nodiscard]] Result<void> add(const SegmentNote& note) {
        const std::lock_guard lock{mutex_};
        own_.push_back(note);
        const auto told = tell(note);
        if (!told) own_.pop_back();
        return told;
    }

    /// Takes back what `add` has noted, by this process or by another of the family.
    void remove(SegmentNote note) noexcept {
        const std::lock_guard lock{mutex_};
        for (SegmentNote& mine : own_) {
            if (!detail::are_for_same_segment(mine, note)) continue;
            mine = own_.back();
            own_.pop_back();
            break;
        }
        note.kind = SegmentNote::Kind::gone;
        // If it can't be told, the tracker looks in vain for what is gone.
        if (is_usable(channel())) static_cast<void>(send(note));
    }

    /// The pid of the tracker, where the system has one to tell; 0 if it was not started
    /// by this process.
    [[nodiscard]] pid_t pid() const noexcept {
        const Channel* const known = channel();
        return known != nullptr && known->starter == ::getpid() ? known->tracker : 0;
    }

private:
    /// The pipe to a tracker. Never changed once it is published, and never destroyed:
    /// a forked child finds it whole, whatever its parent's other threads were at.
    struct Channel {
        int write_end;
        SegmentId pipe;  ///< to notice that the number has become another file's
        pid_t tracker;
        pid_t starter;
        const Channel* before;  ///< kept reachable, for detectors of leaks
    };

    [[nodiscard]] static const Channel* channel() noexcept {
        return __atomic_load_n(&latest_, __ATOMIC_ACQUIRE);
    }

    /// Whether the descriptor is still the pipe: a daemon may have closed them all.
    [[nodiscard]] static bool is_usable(const Channel* channel) noexcept {
        struct stat status {};
        return channel != nullptr && ::fstat(channel->write_end, &status) == 0 &&
               SegmentId{status.st_dev, status.st_ino} == channel->pipe;
    }

    [[nodiscard]] static Result<void> send(const SegmentNote& note) {
        char bytes[sizeof note];
        std::memcpy(bytes, &note, sizeof note);
        return write_all(channel()->write_end, {bytes, sizeof bytes});
    }

    /// Tells the tracker of a note that is among our own.
    [[nodiscard]] Result<void> tell(const SegmentNote& note) {
        if (is_usable(channel())) {
            const auto sent = send(note);
            if (sent || sent.code() != EPIPE) return sent;
        }
        return restart();
    }

    /// Starts a tracker and tells it of all that is our own.
    [[nodiscard]] Result<void> restart() {
        const Channel* const old = channel();
        if (is_usable(old)) {
            ::close(old->write_end);
            if (old->starter == ::getpid()) platform::reap_detached(old->tracker);
        }
        if (const auto started = start(old); !started) return started;
        for (const SegmentNote& note : own_) {
            if (const auto sent = send(note); !sent) return sent;
        }
        return {};
    }

    [[nodiscard]] static Result<void> start(const Channel* before) {
        constexpr std::size_t bytes = 1U << 16;
        auto pipe = make_pipe();
        if (!pipe) return pipe.error();
        struct stat status {};
        if (::fstat(pipe->write_end.get(), &status) != 0) return Error{errno};
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        // Mapped here, since the tracker can't allocate.
        void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return Error{errno};
        const bool is_limited = limit.rlim_cur < INT_MAX;
        detail::TrackerStart theirs{
            pipe->read_end.get(), is_limited ? static_cast<int>(limit.rlim_cur) : INT_MAX,
            memory, bytes};
        const auto tracker = platform::start_detached(detail::track_segments, &theirs);
        ::munmap(memory, bytes);
        if (!tracker) return tracker.error();
        auto* const made = new Channel{pipe->write_end.release(),
                                       {status.st_dev, status.st_ino},
                                       *tracker,
                                       ::getpid(),
                                       before};
        __atomic_store_n(&latest_, made, __ATOMIC_RELEASE);
        return {};
    }

    static inline constinit const Channel* latest_ = nullptr;

    std::mutex mutex_;
    std::vector<SegmentNote> own_;
};

}  // namespace pyproc::posix
