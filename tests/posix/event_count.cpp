// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/event_count.hpp"

#include <array>
#include <atomic>
#include <new>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "pyproc/posix/mapping.hpp"
#include "pyproc/posix/robust_mutex.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"
#include "support/stepping.hpp"

using namespace pyproc::posix;
using test::Child;

namespace {

// A model of the protocol: every order in which two that wait and two that announce a
// change can take their steps, with two kills at any of them.

enum class Order { flag_last, flag_first };

/// Where a process is: it is about to do this.
enum Step : char {
    w_lock,
    w_look,
    w_flag,
    w_read,
    w_unlock,
    w_sleep,
    w_asleep,
    w_leave,
    a_lock,
    a_look,
    a_first,
    a_wake,
    a_last,
    a_change,
    a_unlock,
    done,
    dead
};

struct Model {
    std::array<char, 4> at{w_lock, w_lock, a_lock, a_lock};
    std::array<char, 4> prepared{};
    char owner = -1;
    char flag = 0;
    char epoch = 0;
    char value = 0;
    char kills = 0;

    [[nodiscard]] std::string key() const {
        return {reinterpret_cast<const char*>(this), sizeof *this};
    }

    [[nodiscard]] bool can_lock() const {
        return owner < 0 || at[static_cast<unsigned char>(owner)] == dead;
    }
    [[nodiscard]] bool can_go_on(std::size_t i) const {
        if (at[i] == w_lock || at[i] == a_lock) return can_lock();
        return at[i] != w_asleep && at[i] != done && at[i] != dead;
    }

    void wake_all() {
        for (char& each : at) {
            if (each == w_asleep) each = w_lock;
        }
    }

    void go_on(std::size_t i, Order order) {
        char& mine = at[i];
        switch (mine) {
            case w_lock:
                owner = static_cast<char>(i);
                mine = w_look;
                break;
            case w_look: mine = value != 0 ? w_leave : w_flag; break;
            case w_flag:
                flag = 1;
                mine = w_read;
                break;
            case w_read:
                prepared[i] = epoch;
                mine = w_unlock;
                break;
            case w_unlock:
                owner = -1;
                mine = w_sleep;
                break;
            case w_sleep: mine = epoch == prepared[i] ? w_asleep : w_lock; break;
            case w_leave:
                owner = -1;
                mine = done;
                break;
            case a_lock:
                owner = static_cast<char>(i);
                mine = a_look;
                break;
            case a_look: mine = flag != 0 ? a_first : a_change; break;
            case a_first:
                if (order == Order::flag_first)
                    flag = 0;
                else
                    ++epoch;
                mine = order == Order::flag_first ? a_last : a_wake;
                break;
            case a_wake:
                wake_all();
                mine = order == Order::flag_first ? a_change : a_last;
                break;
            case a_last:
                if (order == Order::flag_first)
                    ++epoch;
                else
                    flag = 0;
                mine = order == Order::flag_first ? a_wake : a_change;
                break;
            case a_change:
                value = 1;
                mine = a_unlock;
                break;
            case a_unlock:
                owner = -1;
                mine = done;
                break;
            default: break;
        }
    }
};

struct Explored {
    std::size_t states = 0;
    std::size_t lost_wake_ups = 0;
};

Explored explore(Order order) {
    std::set<std::string> seen;
    std::vector<Model> open{Model{}};
    Explored result;
    while (!open.empty()) {
        const Model model = open.back();
        open.pop_back();
        if (!seen.insert(model.key()).second) continue;
        ++result.states;
        bool is_over = true;
        for (std::size_t i = 0; i < model.at.size(); ++i) {
            if (model.can_go_on(i)) {
                is_over = false;
                Model next = model;
                next.go_on(i, order);
                open.push_back(next);
            }
            if (model.kills < 2 && model.at[i] != done && model.at[i] != dead) {
                Model next = model;
                next.at[i] = dead;
                ++next.kills;
                open.push_back(next);
            }
        }
        // All that live sleep or are done. Whoever sleeps must have nothing to see.
        const bool is_one_asleep = model.at[0] == w_asleep || model.at[1] == w_asleep;
        if (is_over && is_one_asleep && model.value != 0) ++result.lost_wake_ups;
    }
    return result;
}

struct Shared {
    RobustMutex mutex;
    EventCount changed;
    std::atomic<int> value{0};
    std::atomic<int> seen{0};
    std::atomic<int> prepared{0};

    void change() {
        mutex.lock();
        changed.announce();
        ++value;
        mutex.unlock();
    }

    /// Without any limit: a wake-up that is lost is a hang.
    void await(int wanted) {
        for (;;) {
            mutex.lock();
            if (value >= wanted) break;
            const auto epoch = changed.prepare();
            ++prepared;
            mutex.unlock();
            changed.sleep(epoch, Deadline{});
        }
        mutex.unlock();
    }
};

struct World {
    Mapping memory = map_shared(sizeof(Shared)).or_throw("mmap");
    Shared& shared = *new (memory.data()) Shared;
};

}  // namespace

TEST_CASE("EventCount: by its model no wake-up is lost, whoever is killed at any step") {
    const Explored explored = explore(Order::flag_last);

    CHECK(explored.states > 1000);
    CHECK(explored.lost_wake_ups == 0);
}

TEST_CASE("EventCount: by its model one is lost if the flag is cleared first") {
    CHECK(explore(Order::flag_first).lost_wake_ups > 0);
}

TEST_CASE("EventCount: whoever sleeps wakes for the change after it has prepared") {
    World world;
    Shared& shared = world.shared;
    Child waiter{[&] {
        shared.await(1);
        return 0;
    }};
    REQUIRE(test::comes_about([&] { return shared.prepared >= 1; }));

    shared.change();

    CHECK(waiter.result() == 0);
}

TEST_CASE("EventCount: at whatever step an announcer is killed, the next one wakes") {
    World world;
    Shared& shared = world.shared;
    const auto start_waiter = [&] {
        const int wanted = shared.value + 1;
        shared.prepared = 0;
        Child waiter{[&shared, wanted] {
            shared.await(wanted);
            return 0;
        }};
        REQUIRE(test::comes_about([&] { return shared.prepared >= 1; }));
        // It has the lock no more, so it sleeps, or is just about to.
        shared.mutex.lock();
        shared.mutex.unlock();
        return waiter;
    };
    shared.change();  // once here: the first time, the dynamic linker has to find it all
    Child waiter = start_waiter();

    test::kill_at_each_step(
        [&] {
            test::count_from_here();
            shared.change();
        },
        [&] {
            shared.change();
            REQUIRE(waiter.result() == 0);
            waiter = start_waiter();
        });
}

TEST_CASE("EventCount: thousands of kills of those that wait and those that announce") {
    std::minstd_rand random{11};
    World world;
    Shared& shared = world.shared;
    const auto wait = [&] {
        for (;;) {
            shared.await(shared.value + 1);
            ++shared.seen;
        }
        return 0;
    };
    const auto announce = [&] {
        for (;;) shared.change();
        return 0;
    };
    std::vector<Child> children;
    const auto start = [&](std::size_t i) {
        return i < 2 ? Child{wait} : Child{announce};
    };
    for (std::size_t i = 0; i < 4; ++i) children.push_back(start(i));

    for (int round = test::rounds(500); round > 0; --round) {
        const std::size_t i = random() % children.size();
        test::let_a_random_while_pass(random);
        children[i].kill();
        const int before = shared.seen;
        REQUIRE(test::comes_about([&] { return shared.seen > before; }));
        children[i] = start(i);
    }
}
