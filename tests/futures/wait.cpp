// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/wait.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "multiprocessing/tasks.hpp"
#include "pyproc/futures/process_pool_executor.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

using namespace pyproc;
using namespace pyproc::futures;
using namespace std::chrono_literals;
using test::long_enough;

namespace {

/// A call that ends when the test says so, after the one before it.
struct Waiting {
    const test::OpenChannel go;
    ProcessPoolExecutor executor{1};

    Future<int> submit(int n) {
        return executor.submit(
            [](int number) {
                test::channel->await();
                if (number < 0) throw std::domain_error{"negative"};
                return number;
            },
            n);
    }
    void finish_all(int count) {
        for (int i = 0; i < count; ++i) go->tell();
    }
};

}  // namespace

TEST_CASE("wait: for all, the first, or the first exception") {
    Waiting calls;
    const std::vector futures{calls.submit(1), calls.submit(2), calls.submit(-3),
                              calls.submit(4)};

    calls.go->tell();
    const auto first = wait(futures, long_enough, FIRST_COMPLETED);
    CHECK(first.done == std::vector{futures[0]});
    CHECK(first.not_done == std::vector{futures[1], futures[2], futures[3]});
    calls.finish_all(2);
    const auto thrown = wait(futures, long_enough, FIRST_EXCEPTION);
    CHECK(thrown.done == std::vector{futures[0], futures[1], futures[2]});
    calls.finish_all(1);
    const auto [done, not_done] = wait(futures);
    CHECK(done == futures);
    CHECK(not_done.empty());
}

TEST_CASE("wait: no longer than its limit, and not at all for none") {
    Waiting calls;
    const std::vector futures{calls.submit(1)};

    CHECK(wait(futures, 1ms).not_done == futures);
    CHECK(wait(std::vector<Future<int>>{}).done.empty());
    CHECK(wait(std::vector<Future<int>>{}, 0s, FIRST_COMPLETED).done.empty());
    calls.finish_all(1);
}

TEST_CASE("wait: what has ended already counts, and cancelled is no exception") {
    Waiting calls;
    const auto running = calls.submit(1);
    const auto cancelled = calls.submit(2);
    REQUIRE(cancelled.cancel());
    const std::list futures{cancelled, running};

    CHECK(wait(futures, 0s, FIRST_COMPLETED).done == std::vector{cancelled});
    CHECK(wait(futures, 1ms, FIRST_EXCEPTION).not_done == std::vector{running});
    calls.finish_all(1);
    CHECK(wait(futures).done.size() == 2);
    CHECK(wait(futures, 0s).done.size() == 2);
}

TEST_CASE("wait, as_completed: a future of no call is refused, and the others go on") {
    Waiting calls;
    const auto future = calls.submit(1);
    const std::vector futures{future, Future<int>{}};

    CHECK_THROWS_AS(wait(futures), std::logic_error);
    CHECK_THROWS_AS(as_completed(futures), std::logic_error);

    calls.finish_all(1);
    CHECK(future.result() == 1);
}

TEST_CASE("as_completed: gives those first that end first, each once") {
    Waiting calls;
    const auto first = calls.submit(1);
    const auto second = calls.submit(2);
    const auto third = calls.submit(3);
    REQUIRE(third.cancel());

    auto all = as_completed(std::vector{second, first, third, second});
    CHECK((all.next() == third));
    calls.finish_all(1);
    CHECK((all.next() == first));
    calls.finish_all(1);
    CHECK((all.next() == second));
    CHECK_FALSE(all.next());
}

TEST_CASE("as_completed: of none there is none") {
    for (const auto& each : as_completed(std::vector<Future<int>>{})) {
        static_cast<void>(each);
        FAIL("there is one");
    }
}

TEST_CASE("as_completed: says after its limit how many have not ended") {
    Waiting calls;
    const std::vector futures{calls.submit(1), calls.submit(2)};
    calls.finish_all(1);
    REQUIRE(wait(futures, long_enough, FIRST_COMPLETED).done.size() == 1);

    int count = 0;
    const std::string thrown = test::thrown_by([&] {
        for (const auto& each : as_completed(futures, 5ms)) count += each.result();
    });
    calls.finish_all(1);

    CHECK(count == 1);
    CHECK_THAT(thrown, test::Contains("1 (of 2) futures unfinished"));
}

TEST_CASE("as_completed: tells how far it is") {
    ProcessPoolExecutor executor(2);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 20; ++i) futures.push_back(executor.submit(test::square, i));
    std::vector<std::size_t> told;

    const AsCompletedOptions options{
        .on_progress = [&](std::size_t done, std::size_t total) {
            CHECK(total == 20);
            told.push_back(done);
        }};
    for (const auto& each : as_completed(options, futures)) static_cast<void>(each);

    REQUIRE_FALSE(told.empty());
    CHECK(told.back() == 20);
    CHECK(std::ranges::is_sorted(told));
}

TEST_CASE("as_completed: tells that no more than a few tens of times a second") {
    ProcessPoolExecutor executor(2);
    std::vector<Future<int>> futures;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 300; ++i) {
        futures.push_back(executor.submit(
            [](int n) {
                std::this_thread::sleep_for(1ms);
                return n;
            },
            i));
    }
    int told = 0;

    const AsCompletedOptions options{
        .on_progress = [&](std::size_t, std::size_t) { ++told; }};
    for (const auto& each : as_completed(options, futures)) static_cast<void>(each);
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;

    CHECK(told <= 40 * spent.count() + 2);
}

TEST_CASE("as_completed: no future is lost when on_progress throws") {
    Waiting calls;
    const std::vector futures{calls.submit(1), calls.submit(2)};
    calls.finish_all(2);
    CHECK(wait(futures).not_done.empty());
    bool throws = true;

    auto all = as_completed({.on_progress =
                                 [&](std::size_t, std::size_t) {
                                     if (std::exchange(throws, !throws))
                                         throw std::domain_error{"told"};
                                 }},
                            futures);
    std::vector<Future<int>> got;
    int thrown = 0;
    for (bool is_over = false; !is_over;) {
        try {
            const auto next = all.next();
            is_over = !next;
            if (next) got.push_back(*next);
        } catch (const std::domain_error&) {
            ++thrown;
        }
    }

    CHECK(thrown > 0);
    CHECK(got == futures);
}

TEST_CASE("as_completed: may be left early, while futures go on to end") {
    ProcessPoolExecutor executor(2);
    for (int round = 0; round < test::rounds(100); ++round) {
        std::vector<Future<int>> futures;
        for (int i = 0; i < 5; ++i) futures.push_back(executor.submit(test::square, i));
        for (const auto& each : as_completed(futures)) {
            static_cast<void>(each);
            break;
        }
    }
    CHECK(executor.submit(test::square, 2).result() == 4);
}

TEST_CASE("wait, as_completed: several threads may wait for the same futures") {
    ProcessPoolExecutor executor(2);
    std::vector<Future<int>> futures;
    for (int i = 0; i < 50; ++i) futures.push_back(executor.submit(test::square, i));
    std::atomic<std::size_t> count = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
            if (i % 2 == 0) {
                count += wait(futures).done.size();
            } else {
                for (const auto& each : as_completed(futures))
                    count += each.done() ? 1U : 0U;
            }
        });
    }
    for (auto& thread : threads) thread.join();

    CHECK(count == 200);
}

TEST_CASE("as_completed: a forked child may drop its copy, whatever others were at") {
    Waiting calls;
    const std::vector futures{calls.submit(1)};
    auto mine = std::make_unique<AsCompleted<int>>(as_completed(futures));
    std::atomic<bool> is_over = false;
    std::thread other{[&] {
        while (!is_over) static_cast<void>(as_completed(futures));
    }};

    const int count = test::rounds(200);
    int ends = 0;
    for (int round = 0; round < count && ends == round; ++round) {
        test::Child child{[&] {
            mine.reset();
            return 0;
        }};
        ends += child.result() == 0 ? 1 : 0;
    }
    is_over = true;
    other.join();
    calls.finish_all(1);

    CHECK(ends == count);
}
