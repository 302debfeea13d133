// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/queue_memory.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

#include <sys/resource.h>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t gib = 1024 * mib;
constexpr std::uint64_t any = std::numeric_limits<std::uint64_t>::max();

}  // namespace

TEST_CASE("size_for_queue: twice the memory there is, 64 GiB at the most") {
    CHECK(size_for_queue({.memory = 3 * gib, .limit = any, .all = any}, 0) == 8 * gib);
    CHECK(size_for_queue({.memory = 512 * gib, .limit = any, .all = any}, 0) == 64 * gib);
    CHECK(size_for_queue({.memory = any, .limit = any, .all = any}, 0) == 64 * gib);
}

TEST_CASE("size_for_queue: all the queues there can be leave some of the addresses") {
    const AddressSpace space{.memory = 512 * gib, .limit = any, .all = any};
    std::uint64_t taken = 0;
    for (std::uint64_t i = 0; i < 65'530; ++i) taken += size_for_queue(space, i);

    CHECK(taken < (std::uint64_t{1} << 47U));
    CHECK(size_for_queue(space, 5'000) >= gib);
    CHECK(size_for_queue(space, 65'530) >= 128 * mib);
}

TEST_CASE("size_for_queue: a sixteenth of a limit, and never less than makes sense") {
    CHECK(size_for_queue({.memory = gib, .limit = gib, .all = any}, 0) == 64 * mib);
    CHECK(size_for_queue({.memory = gib, .limit = mib, .all = any}, 0) == 16 * mib);
    CHECK(size_for_queue({.memory = gib, .limit = any, .all = 0xffff'ffff}, 0) ==
          128 * mib);
}

TEST_CASE("QueueMemory: one that is gone is not counted") {
    {
        const QueueMemory memory;
        CHECK(queue_memories == 1);
    }
    CHECK(queue_memories == 0);
}

#ifndef SANITIZED  // whose own use of the addresses leaves less, and can fail

TEST_CASE("QueueMemory: one that does not get the least it needs is an OSError") {
    const int outcome = test::forked([] {
        const rlimit limit{.rlim_cur = 4 * mib, .rlim_max = 4 * mib};
        if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
        try {
            const QueueMemory memory;
        } catch (const OSError& error) {
            return error.code().value() == ENOMEM && queue_memories == 0 ? 0 : 2;
        }
        return 3;
    });

    CHECK(outcome == 0);
}

TEST_CASE("QueueMemory: where addresses are scarce a queue takes little of them") {
    const int outcome = test::forked([] {
        const rlimit limit{.rlim_cur = 64 * gib, .rlim_max = 64 * gib};
        const auto others = posix::map_shared(62 * gib);
        if (!others || ::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
        QueueMemory memory;
        return memory.mapping().size() == most_if_scarce ? 0 : 2;
    });

    CHECK(outcome == 0);
}

TEST_CASE("QueueMemory: a process may have five thousand, none of them a toy") {
    std::deque<QueueMemory> memories;
    for (int i = 0; i < 5'000; ++i) memories.emplace_back();

    std::uint64_t least = any;
    for (QueueMemory& memory : memories) {
        memory.mapping().bytes()[0] = std::byte{1};
        least = std::min<std::uint64_t>(least, memory.mapping().size());
    }

    CHECK(least >= gib);
}

#endif
