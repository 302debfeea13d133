// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/semaphore.hpp"

#include <chrono>
#include <climits>

#include "multiprocessing/support.hpp"
#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using pyproc::ValueError;
using test::Child;
using test::Message;

TEST_CASE("Semaphore: it has as many permits as were given, for all processes") {
    Semaphore semaphore{2};

    CHECK(semaphore.acquire());
    CHECK(test::forked([&] { return semaphore.try_acquire() ? 0 : 1; }) == 0);

    CHECK_FALSE(semaphore.try_acquire());
    CHECK(semaphore.get_value() == 0);
}

TEST_CASE("Semaphore: one that waits goes on when any process releases") {
    Semaphore semaphore{0};
    const test::Channel ready;
    Child waiter{[&] {
        ready.tell();
        return semaphore.acquire() ? 0 : 1;
    }};
    ready.await();

    semaphore.release();

    CHECK(waiter.result() == 0);
    CHECK(semaphore.get_value() == 0);
}

TEST_CASE("Semaphore: several permits released at once serve several that wait") {
    Semaphore semaphore{0};
    Child first{[&] { return semaphore.acquire() ? 0 : 1; }};
    Child second{[&] { return semaphore.acquire() ? 0 : 1; }};

    semaphore.release(3);

    CHECK(first.result() == 0);
    CHECK(second.result() == 0);
    CHECK(semaphore.get_value() == 1);
}

TEST_CASE("Semaphore: limits are kept") {
    Semaphore semaphore{0};
    const auto start = std::chrono::steady_clock::now();

    CHECK_FALSE(semaphore.acquire(-1s));
    CHECK_FALSE(semaphore.acquire(30ms));

    CHECK(std::chrono::steady_clock::now() - start >= 30ms);
    semaphore.release();
    CHECK(semaphore.acquire(1h));
}

TEST_CASE("Semaphore: what it can't count is refused, and changes nothing") {
    CHECK_THROWS_AS(Semaphore{-1}, ValueError);
    Semaphore semaphore{INT_MAX - 1};

    CHECK_THROWS_AS(semaphore.release(0), ValueError);
    CHECK_THROWS_MATCHES(semaphore.release(2), ValueError,
                         Message("semaphore or lock released too many times"));

    CHECK(semaphore.get_value() == INT_MAX - 1);
    CHECK_NOTHROW(semaphore.release());
}

TEST_CASE("BoundedSemaphore: more than it began with is refused, and changes nothing") {
    BoundedSemaphore semaphore{2};
    CHECK(semaphore.acquire());

    CHECK_THROWS_AS(semaphore.release(2), ValueError);
    CHECK_NOTHROW(semaphore.release());
    CHECK_THROWS_MATCHES(semaphore.release(), ValueError,
                         Message("semaphore or lock released too many times"));

    CHECK(semaphore.get_value() == 2);
}

TEST_CASE("Semaphore: permits have no owner, so a dead holder's are gone") {
    Semaphore semaphore{1};

    CHECK(test::forked([&] { return semaphore.acquire() ? 0 : 1; }) == 0);

    CHECK_FALSE(semaphore.try_acquire());
    CHECK_NOTHROW(semaphore.release());
}

TEST_CASE("Semaphore: at whatever instruction a releaser is killed, it can be used") {
    Semaphore semaphore{0};
    semaphore.release();
    semaphore.acquire();
    Child waiter{[&] { return semaphore.acquire() ? 0 : 1; }};

    test::kill_at_each_step(
        [&] {
            test::count_from_here();
            semaphore.release();
        },
        [&] {
            semaphore.release();
            REQUIRE(waiter.result() == 0);
            while (semaphore.try_acquire()) {
            }
            waiter = Child{[&] { return semaphore.acquire() ? 0 : 1; }};
        });
}
