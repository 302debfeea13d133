// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/event.hpp"

#include <chrono>
#include <vector>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::Child;

TEST_CASE("Event: it is set and cleared for all processes") {
    Event event;
    CHECK_FALSE(event.is_set());

    CHECK(test::forked([&] {
              event.set();
              event.set();
              return 0;
          }) == 0);
    CHECK(event.is_set());
    CHECK(event.wait());

    event.clear();
    event.clear();
    CHECK_FALSE(event.is_set());
}

TEST_CASE("Event: all that wait go on when it is set, even if it is cleared at once") {
    Event event;
    const test::Channel ready;
    const auto wait = [&] {
        ready.tell();
        return event.wait() ? 0 : 1;
    };
    std::vector<Child> waiters;
    for (int i = 0; i < 3; ++i) {
        waiters.emplace_back(wait);
        ready.await();
    }

    // Again until all have come to waiting, of which nobody can know.
    for (Child& waiter : waiters) {
        Child pulses{[&] {
            for (;;) {
                event.set();
                event.clear();
            }
            return 0;
        }};
        CHECK(waiter.result() == 0);
    }
}

TEST_CASE("Event: limits are kept") {
    Event event;
    const auto start = std::chrono::steady_clock::now();

    CHECK_FALSE(event.wait(0s));
    CHECK_FALSE(event.wait(30ms));

    CHECK(std::chrono::steady_clock::now() - start >= 30ms);
}

TEST_CASE("Event: at whatever instruction one that sets it is killed, it can be set") {
    Event event;
    event.set();
    event.clear();
    Child waiter{[&] { return event.wait() ? 0 : 1; }};

    test::kill_at_each_step(
        [&] {
            test::count_from_here();
            event.set();
        },
        [&] {
            event.set();
            REQUIRE(waiter.result() == 0);
            event.clear();
            waiter = Child{[&] { return event.wait() ? 0 : 1; }};
        });
}
