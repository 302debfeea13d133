// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/condition.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <vector>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::Child;
using test::Message;

namespace {

struct Counters {
    std::atomic<int> waiting{0};
    std::atomic<int> woken{0};
    std::atomic<int> items{0};
};

struct Stage {
    Condition condition;
    std::shared_ptr<Counters> shared = detail::make_shared_state<Counters>();

    /// A child that waits once, without any limit.
    [[nodiscard]] Child waiter() {
        const int before = shared->waiting;
        Child child{[this] {
            const std::scoped_lock guard{condition};
            ++shared->waiting;
            const bool notified = condition.wait();
            ++shared->woken;
            return notified ? 0 : 1;
        }};
        REQUIRE(test::comes_about([&] { return shared->waiting > before; }));
        // Once the lock is free again it waits.
        const std::scoped_lock guard{condition};
        return child;
    }
};

}  // namespace

TEST_CASE("Condition: one that is notified goes on, and the others wait") {
    Stage stage;
    std::vector<Child> waiters;
    for (int i = 0; i < 3; ++i) waiters.push_back(stage.waiter());

    for (int woken = 1; woken <= 3; ++woken) {
        {
            const std::scoped_lock guard{stage.condition};
            stage.condition.notify();
        }
        REQUIRE(test::comes_about([&] { return stage.shared->woken >= woken; }));
        ::usleep(5000);  // for one too many to show itself; it may not
        CHECK(stage.shared->woken == woken);
    }

    for (Child& waiter : waiters) CHECK(waiter.result() == 0);
}

TEST_CASE("Condition: so many as are notified, or all, go on") {
    Stage stage;
    std::vector<Child> waiters;
    for (int i = 0; i < 5; ++i) waiters.push_back(stage.waiter());

    {
        const std::scoped_lock guard{stage.condition};
        stage.condition.notify(0);
        stage.condition.notify();
        stage.condition.notify();
    }
    REQUIRE(test::comes_about([&] { return stage.shared->woken >= 2; }));
    ::usleep(5000);
    CHECK(stage.shared->woken == 2);
    {
        const std::scoped_lock guard{stage.condition};
        stage.condition.notify_all();
    }

    for (Child& waiter : waiters) CHECK(waiter.result() == 0);
}

TEST_CASE("Condition: a notification that nobody waits for is for nobody later") {
    Condition condition;
    const std::scoped_lock guard{condition};

    condition.notify(7);
    condition.notify_all();

    CHECK_FALSE(condition.wait(0s));
    CHECK_FALSE(condition.wait(20ms));
}

TEST_CASE("Condition: newer waiters take nothing that was meant for older ones") {
    detail::ConditionState state;
    const auto old = state.draw();
    state.notify(1);
    const auto young = state.draw();
    const auto youngest = state.draw();
    state.notify(2);

    CHECK(state.may_go_on(young));
    CHECK(state.may_go_on(youngest));
    CHECK(state.may_go_on(old));
    CHECK_FALSE(state.may_go_on(state.draw()));
}

TEST_CASE("Condition: waiting for no time at all lets others have the lock") {
    Condition condition;
    const auto has_changed = detail::make_shared_state<std::atomic<bool>>(false);
    const std::scoped_lock guard{condition};
    const Child changes{[&] {
        const std::scoped_lock its_guard{condition};
        *has_changed = true;
        return 0;
    }};

    CHECK(test::comes_about([&] {
        static_cast<void>(condition.wait(0s));
        return has_changed->load();
    }));
}

TEST_CASE("Condition: limits are kept, and the lock is the caller's afterwards") {
    Condition condition;
    const std::scoped_lock guard{condition};
    const auto start = std::chrono::steady_clock::now();

    CHECK_FALSE(condition.wait(30ms));
    CHECK_FALSE(condition.wait_for([] { return false; }, 30ms));

    CHECK(std::chrono::steady_clock::now() - start >= 60ms);
    CHECK(test::forked([&] { return condition.try_lock() ? 1 : 0; }) == 0);
}

TEST_CASE("Condition::wait_for: it ends once the predicate holds, asked with the lock") {
    Stage stage;
    Child waiter{[&] {
        const std::scoped_lock guard{stage.condition};
        return stage.condition.wait_for([&] {
            ++stage.shared->waiting;
            return stage.shared->items == 2;
        })
                   ? 0
                   : 1;
    }};
    REQUIRE(test::comes_about([&] { return stage.shared->waiting >= 1; }));

    for (int i = 0; i < 2; ++i) {
        const std::scoped_lock guard{stage.condition};
        ++stage.shared->items;
        stage.condition.notify();
    }

    CHECK(waiter.result() == 0);
}

TEST_CASE("Condition: its lock is given up wholly while it waits, and taken as deep") {
    Condition condition;
    const std::scoped_lock outer{condition};
    const std::scoped_lock inner{condition};
    Child notifier{[&] {
        const std::scoped_lock guard{condition};
        condition.notify();
        return 0;
    }};

    CHECK(condition.wait());

    CHECK(notifier.result() == 0);
    condition.release();
    CHECK(test::forked([&] { return condition.try_lock() ? 1 : 0; }) == 0);
    condition.acquire();
}

TEST_CASE("Condition: without the lock it neither waits nor notifies") {
    Condition condition;

    CHECK_THROWS_MATCHES(condition.wait(), std::logic_error,
                         Message("must acquire() condition before using wait()"));
    CHECK_THROWS_MATCHES(condition.notify(), std::logic_error,
                         Message("lock is not owned"));
    CHECK_THROWS_MATCHES(condition.notify_all(), std::logic_error,
                         Message("lock is not owned"));
    CHECK_THROWS_AS(condition.notify(-1), pyproc::ValueError);
}

TEST_CASE("Condition: two on one lock are notified one by one") {
    Lock lock;
    Condition first{lock};
    Condition second{lock};
    const std::scoped_lock guard{lock};

    second.notify();

    CHECK_FALSE(first.wait(1ms));
    CHECK_FALSE(lock.try_lock());
}

TEST_CASE("Condition: a waiter that was killed takes no notification with it") {
    Stage stage;
    std::vector<Child> doomed;
    for (int i = 0; i < 3; ++i) doomed.push_back(stage.waiter());
    Child survivor = stage.waiter();
    for (Child& each : doomed) each.kill();

    {
        const std::scoped_lock guard{stage.condition};
        stage.condition.notify();
    }

    CHECK(survivor.result() == 0);
}

TEST_CASE("Condition: one that was killed after it was notified passes that on") {
    Stage stage;
    Child doomed = stage.waiter();
    Child survivor = stage.waiter();

    {
        const std::scoped_lock guard{stage.condition};
        stage.condition.notify();
        doomed.kill();  // woken, and without the lock
    }

    CHECK(survivor.result() == 0);
}

TEST_CASE("Condition: a death before the notification wakes all that wait") {
    Stage stage;
    Child first = stage.waiter();
    Child second = stage.waiter();
    Child notifier{[&] {
        stage.condition.acquire();
        ++stage.shared->items;
        for (;;) ::pause();
        return 0;
    }};
    REQUIRE(test::comes_about([&] { return stage.shared->items == 1; }));

    notifier.kill();

    CHECK(first.result() == 0);
    CHECK(second.result() == 0);
    const std::scoped_lock guard{stage.condition};
    CHECK(stage.condition.owner_died());
}

TEST_CASE("Condition: a death that another one finds out wakes all that wait") {
    Stage stage;
    Child first = stage.waiter();
    Child second = stage.waiter();
    CHECK(test::forked([&] {
              stage.condition.acquire();
              return 0;
          }) == 0);

    CHECK(stage.condition.acquire());
    CHECK(stage.condition.owner_died());
    stage.condition.release();

    CHECK(first.result() == 0);
    CHECK(second.result() == 0);
}

TEST_CASE("Condition: at whatever instruction a notifier is killed, waiters go on") {
    Stage stage;
    {
        const std::scoped_lock guard{stage.condition};
        stage.condition.notify();
    }
    std::vector<Child> waiters;
    waiters.push_back(stage.waiter());
    waiters.push_back(stage.waiter());

    test::kill_at_each_step(
        [&] {
            const std::scoped_lock guard{stage.condition};
            test::count_from_here();
            stage.condition.notify();
        },
        [&] {
            // Killed with the lock, it has woken both, and else none or one.
            {
                const std::scoped_lock guard{stage.condition};
                stage.condition.notify_all();
            }
            for (Child& waiter : waiters) {
                REQUIRE(waiter.result() == 0);
                waiter = stage.waiter();
            }
        });

    const std::scoped_lock guard{stage.condition};
    stage.condition.notify_all();
}
