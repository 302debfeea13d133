// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/monitor.hpp"

#include <atomic>
#include <chrono>
#include <new>
#include <random>
#include <vector>

#include <unistd.h>

#include "pyproc/posix/mapping.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

using namespace pyproc::posix;
using namespace std::chrono_literals;
using test::Child;

namespace {

struct Shared {
    Monitor monitor;
    std::atomic<int> value{0};
    std::atomic<int> repairs{0};
    std::atomic<int> step{0};

    [[nodiscard]] bool await(int wanted, Deadline deadline) {
        if (monitor.lock() == Locked::from_dead) ++repairs;
        const bool is_there = monitor.wait_until(
            [&] {
                ++step;
                return value >= wanted;
            },
            deadline, [&] { ++repairs; });
        monitor.unlock();
        return is_there;
    }
};

struct World {
    Mapping memory = map_shared(sizeof(Shared)).or_throw("mmap");
    Shared& shared = *new (memory.data()) Shared;
};

}  // namespace

TEST_CASE("Monitor: a wait ends with the change, or at the deadline with the lock") {
    World world;
    Shared& shared = world.shared;
    CHECK_FALSE(shared.await(1, Deadline::after(0ms)));
    const auto start = std::chrono::steady_clock::now();
    CHECK_FALSE(shared.await(1, Deadline::after(30ms)));
    CHECK(std::chrono::steady_clock::now() - start >= 30ms);
    shared.step = 0;
    Child waiter{[&] { return shared.await(1, {}) ? 0 : 1; }};
    REQUIRE(test::comes_about([&] { return shared.step >= 1; }));

    CHECK(shared.monitor.lock_until(Deadline::after(1s)) == Locked::yes);
    CHECK(shared.monitor.try_lock() == Locked::already);
    shared.monitor.announce();
    shared.value = 1;
    shared.monitor.unlock();

    CHECK(waiter.result() == 0);
}

TEST_CASE("Monitor: who gets the lock from a dead one while waiting repairs") {
    World world;
    Shared& shared = world.shared;
    Child waiter{[&] { return shared.await(1, {}) ? 0 : 1; }};
    REQUIRE(test::comes_about([&] { return shared.step >= 1; }));
    Child changer{[&] {
        shared.monitor.lock();
        shared.monitor.announce();
        shared.value = 1;
        for (;;) ::pause();
        return 0;
    }};
    REQUIRE(test::comes_about([&] { return shared.value == 1; }));

    changer.kill();

    CHECK(waiter.result() == 0);
    CHECK(shared.repairs == 1);
}
