// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/task_timeouts.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;

namespace {

using Phase = TaskState::Phase;

struct Watched {
    PoolMemory memory{1};
    TaskTable table{memory};
    TaskTimeouts timeouts;
    std::vector<std::uint32_t> stopped = {};  ///< workers

    Ticket take(posix::Timeout timeout) {
        Bytes none;
        const Ticket ticket =
            *table.take(nullptr, 0, {.timeout = timeout}, nullptr, none);
        last_add = timeouts.add(ticket, timeout);
        return ticket;
    }
    void begin(Ticket ticket, std::uint32_t worker, std::chrono::nanoseconds ago) {
        TaskSlot& slot = memory.slot(ticket.slot);
        REQUIRE(slot.move({ticket.generation, Phase::pending},
                          {ticket.generation, Phase::running, worker}));
        slot.started = (posix::Deadline::clock::now().time_since_epoch() - ago).count();
    }
    posix::Deadline expire() {
        return timeouts.expire(table, [this](Ticket ticket, std::uint32_t worker) {
            stopped.push_back(worker);
            table.release(ticket.slot);
        });
    }

    bool last_add = false;
};

}  // namespace

TEST_CASE("TaskTimeouts: a task is stopped once it has taken too long, and no other") {
    Watched watched;
    watched.begin(watched.take(1h), 1, 2h);
    watched.begin(watched.take(1h), 2, 1min);
    watched.take(1h);

    const auto next = watched.expire();

    CHECK(watched.stopped == std::vector<std::uint32_t>{1});
    CHECK(next.is_before(posix::Deadline::after(1h)));
    CHECK_FALSE(next.is_before(posix::Deadline::after(50min)));
    CHECK(watched.timeouts.count() == 2);
}

TEST_CASE("TaskTimeouts: says when one is due sooner than any before") {
    Watched watched;
    watched.take(1h);
    const bool first = watched.last_add;
    watched.take(2h);
    const bool later = watched.last_add;
    watched.take(1min);

    CHECK(first);
    CHECK_FALSE(later);
    CHECK(watched.last_add);
}

TEST_CASE("TaskTimeouts: what waits for a worker is not forgotten, with no time at all") {
    Watched watched;
    const Ticket ticket = watched.take(0s);

    CHECK_FALSE(watched.expire().is_never());
    watched.begin(ticket, 4, 1ms);
    static_cast<void>(watched.expire());

    CHECK(watched.stopped == std::vector<std::uint32_t>{4});
}

TEST_CASE("TaskTimeouts: what waits is not forgotten if its place has an old beginning") {
    // Of a task that was stopped before its worker came to say when it had begun.
    Watched watched;
    const Ticket ticket = watched.take(1min);
    watched.memory.slot(ticket.slot).started = 1;

    const auto next = watched.expire();
    CHECK_FALSE(next.is_never());
    CHECK_FALSE(next.has_passed());
    watched.begin(ticket, 4, 1h);
    static_cast<void>(watched.expire());

    CHECK(watched.stopped == std::vector<std::uint32_t>{4});
}

TEST_CASE("TaskTimeouts: tasks that are done do not gather") {
    Watched watched;
    std::size_t most = 0;
    for (int i = 0; i < 50'000; ++i) {
        watched.table.release(watched.take(1h).slot);
        if (watched.last_add) static_cast<void>(watched.expire());
        most = std::max(most, watched.timeouts.count());
    }

    CHECK(most < 10'000);
}
