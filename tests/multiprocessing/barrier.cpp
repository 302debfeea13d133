// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/barrier.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <thread>
#include <vector>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/memberships.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::Child;

namespace {

constexpr int broken = 50;

/// What waiting comes to, as an exit code: the index, or `broken`.
int wait_at(Barrier& barrier, pyproc::posix::Timeout limit = {}) {
    try {
        return barrier.wait(limit);
    } catch (const BrokenBarrierError&) {
        return broken;
    }
}

/// A child that waits once and then leaves in an ordinary way.
Child waiter_at(Barrier& barrier) {
    const int before = barrier.n_waiting();
    Child child{[&] {
        const int result = wait_at(barrier);
        detail::Memberships::leave_all();
        return result;
    }};
    REQUIRE(test::comes_about([&] { return barrier.n_waiting() > before; }));
    return child;
}

}  // namespace

TEST_CASE("Barrier: all wait for the last, and each has an index of its own") {
    Barrier barrier{3};

    Child first = waiter_at(barrier);
    Child second = waiter_at(barrier);
    CHECK(barrier.n_waiting() == 2);

    CHECK(barrier.wait() == 2);
    CHECK(first.result() == 0);
    CHECK(second.result() == 1);
    CHECK(barrier.n_waiting() == 0);
    CHECK(barrier.parties() == 3);
    CHECK_FALSE(barrier.broken());
}

TEST_CASE("Barrier: round after round nobody is ahead by more than one") {
    constexpr int rounds = 200;
    constexpr std::size_t parties = 3;
    using Counts = std::array<std::atomic<int>, parties>;
    Barrier barrier{parties};
    const auto counts = detail::make_shared_state<Counts>();
    std::vector<Child> children;

    for (std::size_t i = 0; i < parties; ++i) {
        children.emplace_back([&, i] {
            for (int round = 1; round <= rounds; ++round) {
                (*counts)[i] = round;
                barrier.wait();
                for (const auto& count : *counts) {
                    if (count < round || count > round + 1) return 1;
                }
            }
            detail::Memberships::leave_all();
            return 0;
        });
    }

    for (Child& child : children) CHECK(child.result() == 0);
}

TEST_CASE("Barrier: threads of one process are parties, too") {
    Barrier barrier{2};
    int other = -1;

    std::thread thread{[&] { other = barrier.wait(); }};
    const int mine = barrier.wait();
    thread.join();

    CHECK(mine + other == 1);
}

TEST_CASE("Barrier: the action is called once a round, before anyone goes on") {
    const auto calls = detail::make_shared_state<std::atomic<int>>(0);
    Barrier barrier{2, [&] { ++*calls; }};

    for (int round = 1; round <= 3; ++round) {
        Child other{[&] {
            barrier.wait();
            const int seen = *calls;
            detail::Memberships::leave_all();
            return seen;
        }};
        barrier.wait();
        CHECK(*calls == round);
        CHECK(other.result() == round);
    }
}

TEST_CASE("Barrier: an action that throws breaks it for all") {
    Barrier barrier{2, [] { throw std::runtime_error{"no"}; }};
    Child other = waiter_at(barrier);

    CHECK_THROWS_AS(barrier.wait(), std::runtime_error);

    CHECK(other.result() == broken);
    CHECK(barrier.broken());
    CHECK_THROWS_AS(barrier.wait(), BrokenBarrierError);
}

TEST_CASE("Barrier: a limit that passes breaks it for all, until it is reset") {
    Barrier barrier{3, {}, 20ms};
    Child other{[&] { return wait_at(barrier, 1h); }};
    REQUIRE(test::comes_about([&] { return barrier.n_waiting() == 1; }));

    CHECK_THROWS_AS(barrier.wait(), BrokenBarrierError);

    CHECK(other.result() == broken);
    CHECK(barrier.broken());
    CHECK(barrier.n_waiting() == 0);
    barrier.reset();
    CHECK_FALSE(barrier.broken());
    CHECK_THROWS_AS(barrier.wait(0s), BrokenBarrierError);
}

TEST_CASE("Barrier: abort breaks it, and reset turns away those that wait") {
    Barrier barrier{2};
    Child first = waiter_at(barrier);
    barrier.abort();
    CHECK(first.result() == broken);
    CHECK(barrier.broken());
    barrier.reset();

    Child second = waiter_at(barrier);
    barrier.reset();
    CHECK(second.result() == broken);
    CHECK_FALSE(barrier.broken());

    Child third = waiter_at(barrier);
    CHECK(barrier.wait() == 1);
    CHECK(third.result() == 0);
}

TEST_CASE("Barrier: one for nobody is refused") {
    CHECK_THROWS_AS(Barrier{0}, pyproc::ValueError);
    CHECK_THROWS_AS(Barrier{-1}, pyproc::ValueError);
    CHECK(Barrier{1}.wait() == 0);
}

TEST_CASE("Barrier: it breaks when one that waits is killed") {
    Barrier barrier{3};
    Child doomed = waiter_at(barrier);
    Child other = waiter_at(barrier);

    doomed.kill();

    CHECK(other.result() == broken);
    CHECK(barrier.broken());
}

TEST_CASE("Barrier: it breaks when one is killed that runs the action") {
    const test::Channel ready;
    Barrier barrier{2, [&] {
                        ready.tell();
                        for (;;) ::pause();
                    }};
    Child other = waiter_at(barrier);
    Child doomed{[&] { return barrier.wait(); }};
    ready.await();

    doomed.kill();

    CHECK(other.result() == broken);
}

TEST_CASE("Barrier: it breaks when one is killed that has passed the last round") {
    Barrier barrier{2};
    const test::Channel ready;
    Child doomed{[&] {
        barrier.wait();
        ready.tell();
        for (;;) ::pause();
        return 0;
    }};
    barrier.wait();
    ready.await();

    doomed.kill();

    CHECK(wait_at(barrier) == broken);
    barrier.reset();
    Child next = waiter_at(barrier);
    CHECK(wait_at(barrier) == 1);
    CHECK(next.result() == 0);
}

TEST_CASE("Barrier: it breaks when the target of a party ends by an exception") {
    Barrier barrier{2};
    test::Redirected errors{STDERR_FILENO};
    Process fails([&] {
        static_cast<void>(barrier.wait());
        throw std::runtime_error{"the party is over"};
    });
    fails.start();

    Child stays{[&] {
        static_cast<void>(wait_at(barrier));
        return wait_at(barrier);
    }};

    CHECK(stays.result() == broken);
    fails.join();
    CHECK(fails.exitcode() == 1);
}

TEST_CASE("Barrier: who ends in an ordinary way leaves, and another may take its part") {
    Barrier barrier{2};
    const auto one_round = [&] {
        Process process([&] { barrier.wait(); });
        process.start();
        const int index = wait_at(barrier);
        process.join();
        return process.exitcode() == 0 && index != broken;
    };
    CHECK(one_round());
    std::thread{[&] {
        std::thread other{[&] { barrier.wait(); }};
        barrier.wait();
        other.join();
    }}.join();

    // Longer than it takes to notice a death.
    Process late([&] {
        std::this_thread::sleep_for(250ms);
        barrier.wait();
    });
    late.start();

    CHECK(wait_at(barrier) != broken);
    late.join();
}

TEST_CASE("Barrier: one that is gone leaves nothing behind with its threads") {
    for (int i = 0; i < 50; ++i) Barrier{1}.wait();
    std::optional<Barrier> barrier{std::in_place, 1};
    barrier->wait();
    barrier.reset();
    Barrier other{1};

    CHECK(other.wait() == 0);
    detail::Memberships::leave_all();
}
