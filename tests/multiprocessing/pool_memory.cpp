// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool_memory.hpp"

#include <atomic>
#include <chrono>
#include <span>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;

namespace {

void put_in(Ring& ring) {
    static_cast<void>(ring.put(
        8, [](std::span<std::byte> to) { to[0] = std::byte{1}; }, posix::Deadline{}));
}

bool take_from(Ring& ring) {
    return ring.try_get([](std::span<const std::byte>) {});
}

/// A worker that sleeps until there is a call, takes it, and ends.
test::Child sleeping_worker(PoolMemory& memory, unsigned desk) {
    return test::Child{[&memory, desk] {
        while (!take_from(memory.calls())) {
            if (memory.is_closing()) return 1;
            memory.sleep_at(desk, posix::Deadline{});
        }
        return 0;
    }};
}

constexpr auto pending = TaskState::Phase::pending;
constexpr auto running = TaskState::Phase::running;

}  // namespace

TEST_CASE("TaskState: says what it was made of") {
    const TaskState state{TaskState::generation_mask, TaskState::Phase::withdrawn,
                          0xffff'ffffU};

    CHECK(state.generation() == TaskState::generation_mask);
    CHECK(state.phase() == TaskState::Phase::withdrawn);
    CHECK(state.worker() == 0xffff'ffffU);
    CHECK(TaskState{state.word()}.word() == state.word());
    CHECK(TaskState{TaskState::generation_mask + 1, pending}.generation() == 0);
}

TEST_CASE("TaskSlot: moves on only from where it was thought to be") {
    TaskSlot slot{};
    slot.state = TaskState{5, pending}.word();

    CHECK_FALSE(slot.move({4, pending}, {4, running, 1}));  // one of an earlier task
    CHECK(slot.move({5, pending}, {5, running, 1}));
    CHECK_FALSE(slot.move({5, pending}, {5, running, 2}));
}

TEST_CASE("PoolMemory: workers that sleep are woken, one for each call") {
    PoolMemory memory{3};
    for (int round = 0; round < test::rounds(50); ++round) {
        std::vector<test::Child> workers;
        for (unsigned desk = 0; desk < 3; ++desk) {
            workers.push_back(sleeping_worker(memory, desk));
        }
        for (int i = 0; i < 3; ++i) {
            put_in(memory.calls());
            memory.wake_a_worker();
        }
        for (auto& worker : workers) REQUIRE(worker.result() == 0);
    }
}

TEST_CASE("PoolMemory: those of more than 64 desks are woken as well") {
    PoolMemory memory{130};
    auto worker = sleeping_worker(memory, 129);

    put_in(memory.calls());
    memory.wake_a_worker();

    CHECK(worker.result() == 0);
}

TEST_CASE("PoolMemory: close wakes all that sleep") {
    PoolMemory memory{2};
    auto first = sleeping_worker(memory, 0);
    auto second = sleeping_worker(memory, 1);

    memory.close();

    CHECK(first.result() == 1);
    CHECK(second.result() == 1);
}

TEST_CASE("PoolMemory: a worker sleeps no longer than it is told to") {
    PoolMemory memory{1};

    memory.sleep_at(0, posix::Deadline::after(1ms));

    CHECK_FALSE(take_from(memory.calls()));
}

TEST_CASE(
    "PoolMemory: a worker that is killed on its way to sleep keeps no other asleep") {
    // Who is told of its death wakes all, and after that its desk is nobody's.
    PoolMemory memory{2};
    test::kill_at_each_step(
        [&] {
            test::count_from_here();
            memory.sleep_at(0, posix::Deadline::after(0s));
        },
        [&] {
            auto other = sleeping_worker(memory, 1);
            memory.wake_all_workers();
            put_in(memory.calls());
            memory.wake_a_worker();
            REQUIRE(other.result() == 0);
        });
}

TEST_CASE(
    "PoolMemory: the collector wakes for a result, whoever is killed as he puts it") {
    // The watcher, who learns of the death, wakes it.
    PoolMemory memory{1};
    std::atomic<bool> is_over = false;
    std::atomic<int> collected = 0;
    std::thread collector{[&] {
        while (!is_over) {
            if (take_from(memory.results())) {
                ++collected;
            } else {
                memory.sleep_for_results([&] { return is_over.load(); });
            }
        }
    }};
    test::kill_at_each_step(
        [&] {
            test::count_from_here();
            memory.wake_collector_if_asleep();
        },
        [&] {
            memory.wake_collector();
            const int before = collected;
            put_in(memory.results());
            memory.wake_collector_if_asleep();
            REQUIRE(test::comes_about([&] { return collected > before; }));
        });
    is_over = true;
    memory.wake_collector();
    collector.join();
}
