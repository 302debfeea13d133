// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/rank_pool.hpp"

#include <pyproc/mpi/mpi_pool_executor.hpp>

#include <chrono>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/mpi.hpp"
#include "support/scarce_memory.hpp"

using namespace pyproc;
using namespace std::chrono_literals;
using mpi::detail::RankPool;

// What an executor does not show; the rest is tested with it.

namespace {

int identity(int n) {
    return n;
}

std::size_t size_of(const std::string& text) {
    return text.size();
}

// A gate is made before the executor, which waits for the tasks that look for it.

/// A task that lets another one go, and waits for that in turn.
void meet(const std::string& mine, const std::string& other) {
    test::Gate::open_at(mine);
    test::Gate::pass(other);
}

}  // namespace

TEST_CASE("there are as many processes as ranks beside this one") {
    const auto pool = RankPool::start(test::session().world(), {});

    CHECK(pool->processes() == static_cast<unsigned>(test::session().size()) - 1);

    pool->close();
    pool->join();
}

TEST_CASE("start: the ranks work for one pool at a time") {
    const auto& world = test::session().world();
    const auto pool = RankPool::start(world, {});
    CHECK_THROWS_AS(RankPool::start(world, {}), std::logic_error);

    pool->close();
    const auto next = RankPool::start(world, {});

    next->close();
    next->join();
}

TEST_CASE("short tasks are not held up by a long one that they lie behind") {
    const test::Gate gate;
    mpi::MpiPoolExecutor executor(test::session());
    // So many short ones that each rank is sent a lot at once.
    for (int n : executor.map({.chunksize = 1}, identity, std::vector<int>(2000, 7))) {
        REQUIRE(n == 7);
    }
    std::vector<futures::Future<int>> short_ones;
    auto long_one = executor.submit(test::Gate::pass, gate.path());
    for (int i = 0; i < 200; ++i) short_ones.push_back(executor.submit(identity, i));

    if (executor.num_workers() > 1) {
        for (int i = 0; i < 200; ++i) {
            CHECK(short_ones[static_cast<std::size_t>(i)].result() == i);
        }
        CHECK_FALSE(long_one.done());
    }
    gate.open();
    for (int i = 0; i < 200; ++i) {
        CHECK(short_ones[static_cast<std::size_t>(i)].result() == i);
    }
}

TEST_CASE("tasks that wait for each other meet, if there are ranks for both") {
    mpi::MpiPoolExecutor executor(test::session());
    if (executor.num_workers() < 2) return;
    for (int n : executor.map({.chunksize = 1}, identity, std::vector<int>(2000, 7))) {
        REQUIRE(n == 7);
    }
    for (int i = 0; i < 5; ++i) {
        const test::Gate one;
        const test::Gate other;
        auto first = executor.submit(meet, one.path(), other.path());
        auto second = executor.submit(meet, other.path(), one.path());
        first.result();
        second.result();
    }
}

TEST_CASE("large calls that a rank gives back are sent to another, whole") {
    const test::Gate gate;
    mpi::MpiPoolExecutor executor(test::session());
    for (int n : executor.map({.chunksize = 1}, identity, std::vector<int>(2000, 7))) {
        REQUIRE(n == 7);
    }
    auto long_one = executor.submit(test::Gate::pass, gate.path());
    std::vector<futures::Future<std::size_t>> large;
    for (std::size_t i = 0; i < 20; ++i) {
        large.push_back(executor.submit(size_of, std::string(100'000 + i, 'x')));
    }
    if (executor.num_workers() > 1) large.back().result();

    gate.open();

    for (std::size_t i = 0; i < 20; ++i) CHECK(large[i].result() == 100'000 + i);
}

TEST_CASE("what has not been sent can be cancelled, and what has been can't") {
    const test::Gate gate;
    mpi::MpiPoolExecutor executor(test::session());
    std::vector<futures::Future<void>> running;
    for (unsigned i = 0; i < executor.num_workers(); ++i) {
        running.push_back(executor.submit(test::Gate::pass, gate.path()));
    }
    for (const auto& each : running) {
        while (!each.running()) {
        }
    }
    auto waiting = executor.submit(identity, 1);

    CHECK(waiting.cancel());
    CHECK(waiting.cancelled());
    CHECK_FALSE(running.front().cancel());
    CHECK_FALSE(running.front().stop());

    gate.open();
    for (const auto& each : running) each.result();
    CHECK_THROWS_AS(waiting.result(), futures::CancelledError);
}

TEST_CASE("shutdown can cancel all that has not been sent") {
    const test::Gate gate;
    mpi::MpiPoolExecutor executor(test::session());
    std::vector<futures::Future<void>> all;
    for (unsigned i = 0; i < executor.num_workers() + 5; ++i) {
        all.push_back(executor.submit(test::Gate::pass, gate.path()));
    }
    while (!all[executor.num_workers() - 1].running()) {
    }

    executor.shutdown(false, true);

    CHECK(all.back().cancelled());
    CHECK_FALSE(all.front().done());
    gate.open();
    for (const auto& each : all) {
        if (!each.cancelled()) each.result();
    }
    CHECK_THROWS_AS(executor.submit(identity, 1), std::runtime_error);
}

TEST_CASE("results that are not taken are given up, and the executor goes on") {
    mpi::MpiPoolExecutor executor(test::session());
    {
        auto results =
            executor.map({.chunksize = 1}, identity, std::vector<int>(5000, 1));
        CHECK(results.next() == 1);
    }
    CHECK(executor.submit(identity, 2).result() == 2);
}

TEST_CASE("a process that is forked from rank 0 is refused") {
    mpi::MpiPoolExecutor executor(test::session());

    const int answer = test::forked([&] {
        try {
            static_cast<void>(executor.submit(identity, 1));
        } catch (const std::logic_error&) {
            return 0;
        }
        return 1;
    });

    CHECK(answer == 0);
    CHECK(executor.submit(identity, 3).result() == 3);
}

#ifndef SANITIZED

namespace {

struct SetMostMemory {
    std::size_t size;
    void operator()() const { test::most_memory = size; }
};

std::string text_of(std::size_t size) {
    return std::string(size, 'x');
}

}  // namespace

TEST_CASE("a call or result that a rank has no memory for fails, and no other does") {
    constexpr std::size_t enough = 10'000'000;
    const std::string large(2 * enough, 'x');
    for (const bool is_ours : {true, false}) {
        mpi::MpiPoolExecutor executor(
            test::session(), {.initializer = SetMostMemory{is_ours ? SIZE_MAX : enough}});
        executor.submit(identity, 1).result();
        if (is_ours) test::most_memory = enough;

        const auto result = executor.submit(text_of, large.size());
        const auto small = executor.submit(identity, 2);

        CHECK_THROWS_AS(result.result(), std::bad_alloc);
        CHECK(small.result() == 2);
        test::most_memory = SIZE_MAX;
        const auto call = executor.submit(size_of, large);
        if (is_ours) {
            CHECK(call.result() == large.size());
        } else {
            CHECK_THROWS_AS(call.result(), std::bad_alloc);
        }
    }
    const mpi::MpiPoolExecutor next(test::session(),
                                    {.initializer = SetMostMemory{SIZE_MAX}});
}
#endif
