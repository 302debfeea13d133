// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/task_table.hpp"

#include <chrono>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;

namespace {

using Phase = TaskState::Phase;

struct Table {
    PoolMemory memory{1};
    TaskTable table{memory};

    Ticket take(std::size_t index = 0) {
        Bytes none;
        return *table.take(nullptr, index, {}, nullptr, none);
    }

    bool is_begun(Ticket ticket, std::uint32_t worker) {
        return memory.slot(ticket.slot)
            .move({ticket.generation, Phase::pending},
                  {ticket.generation, Phase::running, worker});
    }
};

}  // namespace

TEST_CASE("TaskTable: a task is found by its ticket until it is released") {
    Table tasks;
    const Ticket ticket = tasks.take(7);

    REQUIRE(tasks.table.find(ticket) != nullptr);
    CHECK(tasks.table.find(ticket)->index == 7);
    CHECK(tasks.table.count() == 1);
    CHECK(tasks.table.state(ticket.slot).phase() == Phase::pending);
    tasks.table.release(ticket.slot);
    CHECK(tasks.table.find(ticket) == nullptr);
    CHECK(tasks.table.count() == 0);
}

TEST_CASE("TaskTable: a ticket that names no task, or an earlier one, finds none") {
    Table tasks;
    std::vector<Ticket> old;
    for (int i = 0; i < 10'000; ++i) {
        const Ticket ticket = tasks.take();
        tasks.table.release(ticket.slot);
        old.push_back(ticket);
    }
    const Ticket now = tasks.take();

    for (const Ticket each : old) REQUIRE(tasks.table.find(each) == nullptr);
    CHECK(tasks.table.find({now.slot, now.generation + 1}) == nullptr);
    CHECK(tasks.table.find({PoolMemory::most_tasks + 5, 1}) == nullptr);
    CHECK(tasks.table.find({~std::uint32_t{0}, 1}) == nullptr);
}

TEST_CASE("TaskTable: there is a place for each of many tasks") {
    Table tasks;
    std::set<std::uint32_t> slots;

    for (std::size_t i = 0; i < 20'000; ++i) slots.insert(tasks.take(i).slot);

    CHECK(slots.size() == 20'000);
    CHECK(tasks.table.count() == 20'000);
    std::size_t visited = 0;
    tasks.table.for_each([](TaskState) { return true; },
                         [&](std::uint32_t slot, const Task&) {
                             ++visited;
                             tasks.table.release(slot);
                         });
    CHECK(visited == 20'000);
    CHECK(tasks.table.count() == 0);
}

TEST_CASE("TaskTable: a task can be withdrawn until a worker has begun it") {
    Table tasks;
    const Ticket first = tasks.take();
    const Ticket second = tasks.take();

    CHECK(tasks.table.withdraw(first));
    CHECK_FALSE(tasks.table.withdraw(first));
    CHECK_FALSE(tasks.is_begun(first, 1));
    CHECK(tasks.is_begun(second, 1));
    CHECK_FALSE(tasks.table.withdraw(second));
}

TEST_CASE("TaskTable: a task can be stopped while a worker is at it, and says which") {
    Table tasks;
    const Ticket ticket = tasks.take();

    CHECK(tasks.table.stop(ticket) == 0);
    CHECK(tasks.is_begun(ticket, 3));
    CHECK(tasks.table.stop({ticket.slot, ticket.generation + 1}) == 0);
    CHECK(tasks.table.stop(ticket) == 3);
    CHECK(tasks.table.stop(ticket) == 0);
    // The worker has made the call meanwhile, and must not send its result.
    CHECK_FALSE(tasks.memory.slot(ticket.slot)
                    .move({ticket.generation, Phase::running, 3},
                          {ticket.generation, Phase::done, 3}));
}

TEST_CASE(
    "TaskTable: a task that is renewed has another ticket, and the old finds none") {
    Table tasks;
    const Ticket ticket = tasks.take(4);
    CHECK(tasks.is_begun(ticket, 1));

    const Ticket other = tasks.table.next_ticket(ticket.slot);
    CHECK(tasks.table.find(ticket) != nullptr);
    tasks.table.renew(ticket.slot);

    CHECK(tasks.table.find(ticket) == nullptr);
    REQUIRE(tasks.table.find(other) != nullptr);
    CHECK(tasks.table.find(other)->index == 4);
    CHECK_FALSE(tasks.is_begun(ticket, 2));
    CHECK(tasks.is_begun(other, 2));
}
