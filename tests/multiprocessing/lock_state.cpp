// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/lock_state.hpp"

#include <thread>

#include "pyproc/multiprocessing/shared_state.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;

// Unlocking what is another's is asked for here.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
    return "mutex:RobustMutex::unlock\n";
}

TEST_CASE("LockState: whose it is only its owner is told") {
    const auto state = make_shared_state<LockState>(false);
    CHECK_FALSE(state->is_mine());
    CHECK(state->is_free());

    CHECK(state->lock());

    CHECK(state->is_mine());
    CHECK_FALSE(state->is_free());
    CHECK(test::forked([&] { return state->is_mine() || state->is_free() ? 1 : 0; }) ==
          0);
    CHECK(state->unlock());
    CHECK_FALSE(state->is_mine());
}

TEST_CASE("LockState: given up wholly and taken again, it is as deep as before") {
    const auto state = make_shared_state<LockState>(true);
    CHECK(state->lock());
    CHECK(state->lock());

    const auto depth = state->unlock_wholly();
    CHECK(test::forked([&] { return state->lock() && state->unlock() ? 0 : 1; }) == 0);
    state->lock_again(depth);

    CHECK(state->unlock());
    CHECK(state->is_mine());
    CHECK(state->unlock());
    CHECK_FALSE(state->is_mine());
}

TEST_CASE("LockState: a death that is noticed in passing is counted and not lost") {
    const auto state = make_shared_state<LockState>(false);
    CHECK(test::forked([&] { return state->lock() ? 0 : 1; }) == 0);

    CHECK(state->is_free());

    CHECK(state->deaths() == 1);
    CHECK(state->lock());
    CHECK(state->ask_for_death());
    CHECK(state->unlock());
    CHECK_FALSE(state->ask_for_death());
}

TEST_CASE("LockState: a stranger who unlocks does not settle what the owner has asked") {
    const auto state = make_shared_state<LockState>(false);
    CHECK(test::forked([&] { return state->lock() ? 0 : 1; }) == 0);
    REQUIRE(state->lock());
    REQUIRE(state->ask_for_death());

    bool is_unlocked = true;
    std::thread{[&] { is_unlocked = state->unlock(); }}.join();

    CHECK_FALSE(is_unlocked);
    CHECK(state->ask_for_death());
    CHECK(state->unlock());
    CHECK_FALSE(state->ask_for_death());
}
