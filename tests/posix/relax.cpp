// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/relax.hpp"

#include <atomic>
#include <thread>

#include "support/catch.hpp"

TEST_CASE("relax: a loop that spins with it sees what another thread writes") {
    std::atomic<bool> is_ready = false;
    std::thread other{[&] { is_ready = true; }};

    while (!is_ready) pyproc::posix::relax();
    other.join();

    CHECK(is_ready);
}

TEST_CASE("full_fence: of two that write and then read, one sees what the other wrote") {
    std::atomic<int> first = 0;
    std::atomic<int> second = 0;
    std::atomic<int> round = 0;
    std::atomic<int> seen_by_first = 0;
    std::atomic<int> seen_by_second = 0;
    std::atomic<int> done = 0;
    constexpr int rounds = 2'000;
    const auto play = [&](std::atomic<int>& mine, const std::atomic<int>& theirs,
                          std::atomic<int>& seen) {
        for (int i = 1; i <= rounds; ++i) {
            while (round < i) std::this_thread::yield();
            mine.store(i, std::memory_order_relaxed);
            pyproc::posix::full_fence();
            seen = theirs.load(std::memory_order_relaxed);
            ++done;
        }
    };
    std::thread one{[&] { play(first, second, seen_by_first); }};
    std::thread two{[&] { play(second, first, seen_by_second); }};
    bool did_neither_see = false;
    for (int i = 1; i <= rounds; ++i) {
        round = i;
        while (done < 2 * i) std::this_thread::yield();
        did_neither_see |= seen_by_first < i && seen_by_second < i;
    }
    one.join();
    two.join();

    CHECK_FALSE(did_neither_see);
}
