// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/lock.hpp"

#include <cerrno>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::Child;
using test::Message;

// Unlocking what is another's is asked for here.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "mutex:RobustMutex::unlock\n";
}

namespace {

template <class Any>
Child started_holder(Any& lock) {
    const test::Channel ready;
    Child child{[&] {
        lock.acquire();
        ready.tell();
        for (;;) ::pause();
        return 0;
    }};
    ready.await();
    return child;
}

/// The steady clock, and how often it has been read.
struct CountingClock : std::chrono::steady_clock {
    using time_point = std::chrono::time_point<CountingClock, duration>;
    static time_point now() {
        ++readings;
        return time_point{std::chrono::steady_clock::now().time_since_epoch()};
    }
    static inline int readings = 0;
};

template <class Any>
bool is_free(Any& lock) {
    return test::forked([&] { return lock.try_lock() ? 0 : 1; }) == 0 &&
           // which has ended with it
           test::forked([&] {
               lock.lock();
               const bool has_asked = lock.owner_died();
               lock.unlock();
               return has_asked ? 0 : 1;
           }) == 0;
}

}  // namespace

TEMPLATE_TEST_CASE("locks: one thread of all processes has it at a time", "", Lock,
                   RLock) {
    TestType lock;

    CHECK(lock.acquire());

    CHECK(test::forked([&] { return lock.try_lock() ? 1 : 0; }) == 0);
    bool had_thread = true;
    std::thread{[&] { had_thread = lock.acquire(0s); }}.join();
    CHECK_FALSE(had_thread);
    lock.release();
    CHECK(is_free(lock));
}

TEMPLATE_TEST_CASE("locks: the guards of the standard library take them", "", Lock,
                   RLock) {
    TestType lock;
    TestType other;
    {
        const std::scoped_lock guard{lock, other};
        CHECK(test::forked([&] { return lock.try_lock() || other.try_lock(); }) == 0);
    }
    {
        std::unique_lock guard{lock, 1s};
        CHECK(guard.owns_lock());
        guard.unlock();
        CHECK(guard.try_lock_until(std::chrono::system_clock::now() + 1s));
    }
    CHECK(is_free(lock));
    CHECK(is_free(other));
}

TEMPLATE_TEST_CASE("locks: limits are kept, by any clock", "", Lock, RLock) {
    TestType lock;
    Child holder = started_holder(lock);
    const auto start = std::chrono::steady_clock::now();

    CHECK_FALSE(lock.acquire(20ms));
    CHECK_FALSE(lock.try_lock_for(20ms));
    CHECK_FALSE(lock.try_lock_until(std::chrono::steady_clock::now() + 20ms));
    CHECK_FALSE(lock.try_lock_until(std::chrono::system_clock::now() + 20ms));
    CHECK_FALSE(lock.try_lock_until(std::chrono::system_clock::now() - 20ms));

    CHECK(std::chrono::steady_clock::now() - start >= 75ms);
}

TEMPLATE_TEST_CASE("locks: one whose owner was killed is handed on, and tells", "", Lock,
                   RLock) {
    TestType lock;
    Child holder = started_holder(lock);
    Child waiter{[&] {
        const std::scoped_lock guard{lock};
        return lock.owner_died() ? 0 : 1;
    }};

    holder.kill();

    CHECK(waiter.result() == 0);
    const std::scoped_lock guard{lock};
    CHECK_FALSE(lock.owner_died());
}

TEMPLATE_TEST_CASE("owner_died: true for its asker until it unlocks, and then no more",
                   "", Lock, RLock) {
    TestType lock;
    started_holder(lock).kill();

    CHECK(lock.try_lock());
    CHECK(lock.owner_died());
    CHECK(lock.owner_died());
    CHECK_THROWS_AS(lock.raise_if_owner_died(), OwnerDied);
    CHECK(test::forked([&] { return lock.try_lock() ? 1 : 0; }) == 0);  // it is held
    lock.unlock();

    CHECK(lock.try_lock());
    CHECK_FALSE(lock.owner_died());
    CHECK_NOTHROW(lock.raise_if_owner_died());
    lock.unlock();
}

TEST_CASE("owner_died: a holder that does not ask swallows nothing") {
    Lock lock;
    started_holder(lock).kill();

    lock.acquire();
    lock.release();

    const std::scoped_lock guard{lock};
    CHECK(lock.owner_died());
}

TEST_CASE("owner_died: if the one that repairs is killed, too, the next is told again") {
    Lock lock;
    started_holder(lock).kill();
    CHECK(test::forked([&] {
              lock.acquire();
              return lock.owner_died() ? 0 : 1;  // and ends with it
          }) == 0);

    const std::scoped_lock guard{lock};

    CHECK(lock.owner_died());
}

TEST_CASE("raise_if_owner_died: a guard that the exception leaves releases the lock") {
    Lock lock;
    started_holder(lock).kill();

    const auto use = [&] {
        const std::scoped_lock guard{lock};
        lock.raise_if_owner_died();
    };

    CHECK_THROWS_AS(use(), OwnerDied);
    CHECK_NOTHROW(use());
}

TEST_CASE("Lock: who has it and asks again is told, instead of waiting for itself") {
    Lock lock;
    lock.acquire();

    try {
        lock.acquire();
        FAIL();
    } catch (const pyproc::OSError& error) {
        CHECK(error.code().value() == EDEADLK);
    }
    CHECK_FALSE(lock.try_lock());
    CHECK_FALSE(lock.acquire(1ms));

    lock.release();
    CHECK(is_free(lock));
}

TEST_CASE("Lock: who has it and asks again until some time does not spin till then") {
    Lock lock;
    const std::scoped_lock guard{lock};
    CountingClock::readings = 0;

    CHECK_FALSE(lock.try_lock_until(CountingClock::now() + 50ms));

    CHECK(CountingClock::readings < 10);
}

TEST_CASE("RLock: its owner may take it again, and releases it as often") {
    RLock lock;
    lock.acquire();
    CHECK(lock.try_lock());
    CHECK(lock.acquire(1ms));

    for (int i = 0; i < 2; ++i) lock.release();
    CHECK(test::forked([&] { return lock.try_lock() ? 1 : 0; }) == 0);
    lock.release();

    CHECK(is_free(lock));
}

TEST_CASE("RLock: however often a dead owner had it, the next has it once") {
    RLock lock;
    CHECK(test::forked([&] {
              lock.acquire();
              lock.acquire();
              return 0;
          }) == 0);

    lock.acquire();
    lock.release();

    CHECK(is_free(lock));
}

TEST_CASE("Lock: releasing it is for its owner alone") {
    Lock lock;
    CHECK_THROWS_MATCHES(lock.release(), NotOwnerError,
                         Message("semaphore or lock released too many times"));
    Child holder = started_holder(lock);

    CHECK_THROWS_MATCHES(lock.release(), NotOwnerError,
                         Message("attempt to release lock not owned by thread"));

    CHECK_FALSE(lock.try_lock());
}

TEST_CASE("RLock: releasing it is for its owner alone") {
    constexpr const char* text = "attempt to release recursive lock not owned by thread";
    RLock lock;
    CHECK_THROWS_MATCHES(lock.release(), NotOwnerError, Message(text));
    lock.acquire();
    lock.acquire();

    CHECK(test::forked([&] {
              try {
                  lock.release();
                  return 1;
              } catch (const NotOwnerError&) {
                  return 0;
              }
          }) == 0);

    lock.release();
    CHECK(test::forked([&] { return lock.try_lock() ? 1 : 0; }) == 0);
    lock.release();
    CHECK(is_free(lock));
}

TEST_CASE("Lock: a forked child does not own what its parent has") {
    Lock lock;
    const std::scoped_lock guard{lock};

    CHECK(test::forked([&] {
              if (lock.try_lock()) return 1;
              try {
                  lock.release();
                  return 2;
              } catch (const NotOwnerError&) {
                  return 0;
              }
          }) == 0);
}

TEST_CASE("Lock: it can be moved, and not copied") {
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Lock>);
    STATIC_REQUIRE_FALSE(std::is_copy_assignable_v<RLock>);
    Lock first;
    first.acquire();

    Lock second{std::move(first)};
    first = Lock{};

    second.release();
    CHECK(is_free(first));
    CHECK(is_free(second));
}

TEST_CASE("locks: one that is destroyed by its owner leaves the others in order") {
    Lock before;
    std::optional<RLock> lock{std::in_place};
    Lock after;
    before.acquire();
    lock->acquire();
    lock->acquire();
    after.acquire();

    lock.reset();

    after.release();
    before.release();
    CHECK(is_free(before));
    CHECK(is_free(after));
}
