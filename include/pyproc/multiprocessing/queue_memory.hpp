// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>

#include <sys/resource.h>
#include <unistd.h>

#include "pyproc/posix/mapping.hpp"

namespace pyproc::multiprocessing::detail {

/// How many queues this process has; a forked child has its parent's too.
inline std::atomic<std::size_t> queue_memories{0};

/// What the addresses of a process are to be shared out among its queues by.
struct AddressSpace {
    std::uint64_t memory;  ///< of the machine, in bytes
    std::uint64_t limit;   ///< how many addresses this process may use; or the most
    std::uint64_t all =
        std::numeric_limits<std::size_t>::max();  ///< what a pointer can tell

    [[nodiscard]] static AddressSpace now() noexcept {
        AddressSpace space{.memory = std::numeric_limits<std::uint64_t>::max(),
                           .limit = std::numeric_limits<std::uint64_t>::max()};
        const long pages = ::sysconf(_SC_PHYS_PAGES);
        const long page = ::sysconf(_SC_PAGESIZE);
        if (pages > 0 && page > 0) {
            space.memory =
                static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page);
        }
        rlimit limit{};
        if (::getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
            space.limit = limit.rlim_cur;
        }
        return space;
    }
};

/// No queue has less memory than this.
inline constexpr std::uint64_t least_queue_memory = std::uint64_t{16} << 20U;

/// A queue that does not get its share of addresses gets no more than this. Where the
/// system promises no more memory than it has, Linux's vm.overcommit_memory 2, addresses
/// are memory that nobody else gets, whether they are used or not.
inline constexpr std::uint64_t most_if_scarce = std::uint64_t{256} << 20U;

/// How many addresses a queue takes if this process has `others` more: twice what memory
/// there is, but no more than 64 GiB. With many queues less, so that 65,000, for which
/// Linux has no more mappings, leave some of the 2^47 bytes that a process can address;
/// and of a limit, RLIMIT_AS, a sixteenth.
[[nodiscard]] inline std::uint64_t size_for_queue(const AddressSpace& space,
                                                  std::uint64_t others) noexcept {
    constexpr std::uint64_t most = std::uint64_t{64} << 30U;
    constexpr std::uint64_t shared_out = std::uint64_t{1} << 44U;
    const std::uint64_t twice = std::bit_ceil(std::min(space.memory, most / 2)) * 2;
    const std::uint64_t narrow = std::min(space.limit, space.all);
    const std::uint64_t share = std::min(shared_out, narrow / 4) / (others + 1);
    const std::uint64_t size = std::min({most, twice, narrow / 16, share});
    return std::max(least_queue_memory, std::bit_floor(size));
}

/// Memory for one queue. Only addresses at first, so plenty.
class QueueMemory {
public:
    /// @throws OSError  There is none, not even the least that makes sense.
    QueueMemory() {
        std::uint64_t size = size_for_queue(AddressSpace::now(), queue_memories.load());
        for (;; size = std::min(size / 2, most_if_scarce)) {
            auto mapped = posix::map_shared(static_cast<std::size_t>(size));
            if (mapped || size <= least_queue_memory) {
                memory_ =
                    std::move(mapped).or_throw("cannot map memory for a queue (mmap)");
                break;
            }
        }
        ++queue_memories;
    }
    QueueMemory(const QueueMemory&) = delete;
    QueueMemory& operator=(const QueueMemory&) = delete;
    ~QueueMemory() { --queue_memories; }

    [[nodiscard]] posix::Mapping& mapping() noexcept { return memory_; }

private:
    posix::Mapping memory_;
};

}  // namespace pyproc::multiprocessing::detail
