// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/robust_mutex.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <new>
#include <random>
#include <thread>
#include <vector>

#include <unistd.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/mapping.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"

using namespace pyproc::posix;
using namespace std::chrono_literals;
using test::Child;

// Unlocking what is another's, and unlocking by a child, are asked for here.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "mutex:RobustMutex::unlock\n";
}

namespace {

struct Shared {
    RobustMutex mutex;
    std::atomic<int> step{0};
    std::atomic<int> deaths{0};
    std::atomic<int> turns{0};
    int first = 0;  ///< these two are guarded, and equal while nobody holds the lock
    int second = 0;
};

/// `Shared` in memory that children share.
struct World {
    Mapping memory = map_shared(sizeof(Shared)).or_throw("mmap");
    Shared& shared = *new (memory.data()) Shared;
};

Child holder(Shared& shared) {
    Child child{[&] {
        shared.mutex.lock();
        shared.step = 1;
        for (;;) ::pause();
        return 0;
    }};
    REQUIRE(test::comes_about([&] { return shared.step == 1; }));
    return child;
}

}  // namespace

TEST_CASE("RobustMutex: one has it at a time") {
    World world;
    RobustMutex& mutex = world.shared.mutex;

    CHECK(mutex.lock() == Locked::yes);

    CHECK(test::forked([&] { return mutex.try_lock() == Locked::no ? 0 : 1; }) == 0);
    CHECK(mutex.unlock());
    CHECK(test::forked([&] {
              if (mutex.try_lock() != Locked::yes) return 1;
              return mutex.unlock() ? 0 : 2;
          }) == 0);
}

TEST_CASE("RobustMutex: it is handed on by a killed owner once") {
    World world;
    Shared& shared = world.shared;
    Child owner = holder(shared);

    owner.kill();

    CHECK(shared.mutex.try_lock() == Locked::from_dead);
    CHECK(shared.mutex.unlock());
    CHECK(shared.mutex.lock() == Locked::yes);
    CHECK(shared.mutex.unlock());
}

TEST_CASE("RobustMutex: it is handed on to one that is waiting already") {
    World world;
    Shared& shared = world.shared;
    Child owner = holder(shared);
    Child waiter{[&] {
        shared.step = 2;
        return static_cast<int>(shared.mutex.lock());
    }};
    REQUIRE(test::comes_about([&] { return shared.step == 2; }));

    owner.kill();

    CHECK(waiter.result() == static_cast<int>(Locked::from_dead));
}

TEST_CASE("RobustMutex: who ends while holding it, killed or not, hands it on") {
    World world;
    RobustMutex& mutex = world.shared.mutex;

    CHECK(test::forked([&] { return static_cast<int>(mutex.lock()); }) ==
          static_cast<int>(Locked::yes));
    CHECK(test::forked([&] { return static_cast<int>(mutex.lock()); }) ==
          static_cast<int>(Locked::from_dead));
    std::thread{[&] { mutex.lock(); }}.join();

    CHECK(mutex.lock() == Locked::from_dead);
    CHECK(mutex.unlock());
}

TEST_CASE("RobustMutex: who asks again is told so, and has it once") {
    World world;
    RobustMutex& mutex = world.shared.mutex;
    mutex.lock();

    CHECK(mutex.lock() == Locked::already);
    CHECK(mutex.lock_until(Deadline::after(1h)) == Locked::already);

    CHECK(mutex.unlock());
    CHECK(test::forked([&] { return mutex.try_lock() == Locked::yes ? 0 : 1; }) == 0);
}

TEST_CASE("RobustMutex: who does not have it can't unlock it") {
    World world;
    RobustMutex& mutex = world.shared.mutex;

    CHECK_FALSE(mutex.unlock());
    mutex.lock();
    CHECK(test::forked([&] { return mutex.unlock() ? 1 : 0; }) == 0);
    bool by_thread = true;
    std::thread{[&] { by_thread = mutex.unlock(); }}.join();
    CHECK_FALSE(by_thread);
    CHECK(test::forked([&] { return mutex.try_lock() == Locked::no ? 0 : 1; }) == 0);

    CHECK(mutex.unlock());
}

TEST_CASE("RobustMutex: a forked child owns none of its parent's locks") {
    World world;
    RobustMutex& mutex = world.shared.mutex;
    mutex.lock();

    const int answer = test::forked([&] {
        if (mutex.try_lock() != Locked::no) return 1;
        return 0;  // and ends, which must not unlock it either
    });

    CHECK(answer == 0);
    CHECK(mutex.unlock());
    CHECK(mutex.lock() == Locked::yes);
    CHECK(mutex.unlock());
}

TEST_CASE("RobustMutex::lock_until: it waits as long as it is told and no less") {
    World world;
    Shared& shared = world.shared;
    Child owner = holder(shared);

    for (const auto limit : {0ms, 1ms, 30ms, 250ms}) {
        const auto start = std::chrono::steady_clock::now();
        CHECK(shared.mutex.lock_until(Deadline::after(limit)) == Locked::no);
        CHECK(std::chrono::steady_clock::now() - start >= limit);
    }
}

TEST_CASE("RobustMutex::lock_until: it ends as soon as there is something to have") {
    World world;
    Shared& shared = world.shared;
    Child owner = holder(shared);
    Child waiter{[&] {
        shared.step = 2;
        return static_cast<int>(shared.mutex.lock_until(Deadline::after(1h)));
    }};
    REQUIRE(test::comes_about([&] { return shared.step == 2; }));

    owner.kill();

    CHECK(waiter.result() == static_cast<int>(Locked::from_dead));
    CHECK(shared.mutex.lock_until(Deadline::after(0s)) == Locked::from_dead);
    CHECK(shared.mutex.unlock());
}

TEST_CASE("RobustMutex: nobody waits for ever beside a waiter that was killed") {
    // Its wake-up dies with it if a third has taken the lock meanwhile, as here in nearly
    // every round.
    for (int round = test::rounds(10); round > 0; --round) {
        World world;
        Shared& shared = world.shared;
        shared.mutex.lock();
        const auto wait = [&] {
            ++shared.step;
            return shared.mutex.lock() == Locked::yes && shared.mutex.unlock() ? 0 : 1;
        };
        Child first{wait};
        REQUIRE(test::comes_about([&] { return shared.step == 1; }));
        Child second{wait};
        REQUIRE(test::comes_about([&] { return shared.step == 2; }));
        std::this_thread::yield();

        shared.mutex.unlock();
        const bool took_it_back = shared.mutex.try_lock() != Locked::no;
        first.kill();
        if (took_it_back) shared.mutex.unlock();

        REQUIRE(second.result() == 0);
    }
}

TEST_CASE("RobustMutex: each kill of an owner is told once, whenever it comes") {
    std::minstd_rand random{7};
    World world;
    Shared& shared = world.shared;
    const auto work = [&] {
        for (;;) {
            if (shared.mutex.lock() == Locked::from_dead) {
                ++shared.deaths;
                shared.second = shared.first;
            }
            if (shared.first != shared.second) return 1;
            ++shared.first;
            ++shared.turns;
            ++shared.second;
            shared.mutex.unlock();
        }
    };
    std::vector<Child> children;
    for (int i = 0; i < 3; ++i) children.emplace_back(work);

    const int kills = test::rounds(200);
    for (int round = 0; round < kills; ++round) {
        test::let_a_random_while_pass(random);
        Child& victim = children[random() % children.size()];
        victim.kill();
        const int before = shared.turns;
        REQUIRE(test::comes_about([&] { return shared.turns > before; }));
        victim = Child{work};
    }

    for (Child& child : children) child.kill();
    if (shared.mutex.lock() == Locked::from_dead) shared.second = shared.first;
    CHECK(shared.first == shared.second);
    CHECK(shared.deaths <= kills + 3);
    shared.mutex.unlock();
}
