// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/synchronize.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <random>
#include <vector>

#include "pyproc/multiprocessing/shared_state.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::Child;

// Kills at random instants. SOAK_ROUNDS says how many instead of 500; each round is over
// within 5 seconds or fails. None of the waiting has a limit of its own.

namespace {

constexpr int usual_rounds = 500;

struct Shared {
    int first = 0;  ///< these two are equal while the lock is free
    int second = 0;
    std::atomic<int> turns{0};
    std::atomic<int> items{0};
};

/// Keeps `children` of them running, and kills one after the other; `check` looks after
/// each whether the rest goes on.
template <class Body, class Check>
void kill_again_and_again(std::size_t children, Body body, Check check) {
    std::minstd_rand random{static_cast<unsigned>(children)};
    std::vector<Child> alive;
    const auto start = [&](std::size_t i) {
        return Child{[&body, i] { return body(i); }};
    };
    for (std::size_t i = 0; i < children; ++i) alive.push_back(start(i));
    for (int round = test::rounds(usual_rounds); round > 0; --round) {
        const std::size_t victim = random() % children;
        test::let_a_random_while_pass(random);
        alive[victim].kill();
        check();
        alive[victim] = start(victim);
    }
}

}  // namespace

TEMPLATE_TEST_CASE("locks: killed holders keep nobody waiting, and their deaths are told",
                   "", Lock, RLock) {
    TestType lock;
    const auto shared = detail::make_shared_state<Shared>();
    const auto is_damaged = detail::make_shared_state<std::atomic<bool>>(false);
    const auto use = [&](std::size_t) {
        for (;;) {
            const std::scoped_lock guard{lock};
            if (lock.owner_died()) shared->second = shared->first;
            if (shared->first != shared->second) *is_damaged = true;
            ++shared->first;
            ++shared->turns;
            ++shared->second;
        }
        return 0;
    };

    kill_again_and_again(3, use, [&] {
        const int before = shared->turns;
        REQUIRE(test::comes_about([&] { return shared->turns > before; }));
        REQUIRE_FALSE(*is_damaged);
    });
}

TEST_CASE("Semaphore: killed users keep nobody from what is there") {
    Semaphore semaphore{2};
    const auto shared = detail::make_shared_state<Shared>();
    const auto use = [&](std::size_t) {
        for (;;) {
            semaphore.acquire();
            ++shared->turns;
            semaphore.release();
        }
        return 0;
    };
    int value = 2;

    kill_again_and_again(3, use, [&] {
        // What the dead one had it has not given back; so it is done here.
        const int before = shared->turns;
        REQUIRE(test::comes_about([&] {
            if (shared->turns > before) return true;
            if (semaphore.get_value() == 0) semaphore.release();
            return false;
        }));
        value = semaphore.get_value();
        REQUIRE(value >= 0);
    });
}

TEST_CASE("Event: killed users keep nobody from waiting and being woken") {
    Event event;
    const auto shared = detail::make_shared_state<Shared>();
    const auto use = [&](std::size_t i) {
        for (;;) {
            if (i == 0) {
                event.set();
                event.clear();
            } else {
                event.wait();
                ++shared->turns;
            }
        }
        return 0;
    };

    kill_again_and_again(3, use, [&] {
        const int before = shared->turns;
        REQUIRE(test::comes_about([&] {
            event.set();
            event.clear();
            return shared->turns > before;
        }));
    });
}

TEST_CASE(
    "Condition: killed waiters and notifiers leave nobody asleep that should wake") {
    Condition condition;
    const auto shared = detail::make_shared_state<Shared>();
    const auto use = [&](std::size_t i) {
        for (;;) {
            const std::scoped_lock guard{condition};
            if (i < 2) {
                condition.wait_for([&] { return shared->items > 0; });
                --shared->items;
                ++shared->turns;
            } else if (shared->items < 10) {
                // Notified only in half of the cases if it is killed in between.
                ++shared->items;
                condition.notify();
            }
        }
        return 0;
    };

    kill_again_and_again(4, use, [&] {
        const int before = shared->turns;
        REQUIRE(test::comes_about([&] { return shared->turns > before; }));
        REQUIRE(shared->items >= 0);
    });
}

TEST_CASE("Condition: whoever dies, what one has notified of is taken") {
    // One item at a time, which nobody else will ever be notified of.
    std::minstd_rand random{5};
    Condition condition;
    const auto shared = detail::make_shared_state<Shared>();
    const auto consume = [&] {
        for (;;) {
            const std::scoped_lock guard{condition};
            condition.wait_for([&] { return shared->items > 0; });
            --shared->items;
        }
        return 0;
    };
    Child survivor{consume};
    for (int round = test::rounds(usual_rounds); round > 0; --round) {
        Child doomed{consume};
        Child produces{[&] {
            const std::scoped_lock guard{condition};
            ++shared->items;
            condition.notify();
            return 0;
        }};
        test::let_a_random_while_pass(random);
        (round % 2 == 0 ? doomed : produces).kill();
        REQUIRE(test::comes_about([&] { return shared->items == 0; }));
    }
}

namespace {

constexpr std::size_t parties = 3;

/// Three that meet again and again until their barrier breaks.
struct Meeting {
    Meeting() {
        for (std::size_t i = 0; i < parties; ++i) {
            children.emplace_back([this] {
                try {
                    for (;;) {
                        barrier.wait();
                        ++shared->turns;
                    }
                } catch (const BrokenBarrierError&) {
                    return 0;
                }
            });
        }
    }

    Barrier barrier{parties};
    std::shared_ptr<Shared> shared = detail::make_shared_state<Shared>();
    std::vector<Child> children;
};

}  // namespace

TEST_CASE("Barrier: it breaks for all when a party is killed, whenever that is") {
    std::minstd_rand random{3};
    // Several at once, since it takes them a tenth of a second to notice.
    constexpr int at_once = 10;
    for (int round = test::rounds(usual_rounds); round > 0; round -= at_once) {
        std::vector<std::unique_ptr<Meeting>> meetings;
        meetings.reserve(at_once);
        for (int i = 0; i < at_once; ++i) meetings.push_back(std::make_unique<Meeting>());
        for (const auto& meeting : meetings) {
            // Of one that has never come nobody knows.
            REQUIRE(test::comes_about([&] { return meeting->shared->turns >= 3; }));
            test::let_a_random_while_pass(random);
            meeting->children[random() % parties].kill();
        }
        for (const auto& meeting : meetings) {
            int ended = 0;
            for (Child& child : meeting->children) {
                if (child.pid() >= 0 && child.result() == 0) ++ended;
            }
            REQUIRE(ended == 2);
            REQUIRE(meeting->barrier.broken());
        }
    }
}
