// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/future.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include "multiprocessing/tasks.hpp"
#include "pyproc/futures/process_pool_executor.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::futures;
using namespace std::chrono_literals;
using test::long_enough;

TEST_CASE("Future: goes from pending to running to done") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto first = executor.submit([] {
        test::channel->await();
        return 1;
    });
    const auto second = executor.submit(test::square, 3);

    REQUIRE(test::comes_about([&] { return first.running(); }));
    CHECK_FALSE(first.done());
    CHECK_FALSE(second.running());
    CHECK_FALSE(second.done());
    CHECK_FALSE(second.cancelled());
    channel->tell();

    CHECK(first.result() == 1);
    CHECK(second.result() == 9);
    CHECK(first.done());
    CHECK_FALSE(first.running());
    CHECK(first.exception() == nullptr);
}

TEST_CASE("Future: copies stand for the same call, and one of none for no call") {
    ProcessPoolExecutor executor(1);
    const auto first = executor.submit(test::square, 2);
    const auto copy = first;

    CHECK(copy == first);
    CHECK_FALSE(copy == executor.submit(test::square, 2));
    CHECK(copy.result() == 4);
    CHECK(Future<int>{} == Future<int>{});
}

TEST_CASE("Future: one of no call says so, whatever it is asked") {
    const Future<int> none;
    const Future<void> nothing;
    const std::string refusal = "a future of no call";

    for (const auto& thrown : {
             test::thrown_by([&] { static_cast<void>(none.result()); }),
             test::thrown_by([&] { nothing.result(1ms); }),
             test::thrown_by([&] { static_cast<void>(none.exception()); }),
             test::thrown_by([&] { static_cast<void>(none.done()); }),
             test::thrown_by([&] { static_cast<void>(none.running()); }),
             test::thrown_by([&] { none.cancel(); }),
             test::thrown_by([&] { none.stop(); }),
             test::thrown_by([&] { static_cast<void>(none.cancelled()); }),
             test::thrown_by([&] { none.add_done_callback([](const auto&) {}); }),
         }) {
        CHECK(thrown == refusal);
    }
    CHECK_THROWS_AS(none.done(), std::logic_error);
}

TEST_CASE("Future: what the call throws is thrown by result, and given by exception") {
    ProcessPoolExecutor executor(1);
    const auto future = executor.submit([] { throw std::out_of_range{"far"}; });

    CHECK_THROWS_AS(future.result(), std::out_of_range);
    CHECK_THROWS_AS(future.result(), std::out_of_range);
    CHECK_THROWS_AS(std::rethrow_exception(future.exception()), std::out_of_range);
    CHECK_FALSE(future.cancelled());
    CHECK_FALSE(future.cancel());
}

TEST_CASE("Future: who waits no longer than a limit is told when it has come") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto future = executor.submit([] { test::channel->await(); });

    CHECK_THROWS_AS(future.result(1ms), TimeoutError);
    CHECK_THROWS_AS(future.exception(0s), TimeoutError);
    channel->tell();
    future.result(long_enough);
}

TEST_CASE(
    "Future: one that waits can be cancelled, one that runs can't, but be stopped") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit(test::begin_and_never_end);
    const auto waiting = executor.submit(test::square, 2);
    const auto after = executor.submit(test::square, 3);
    channel->await();

    CHECK_FALSE(running.cancel());
    CHECK(waiting.cancel());
    CHECK(waiting.cancel());
    CHECK(waiting.done());
    CHECK(waiting.cancelled());
    CHECK_FALSE(waiting.running());
    CHECK_THROWS_AS(waiting.result(), CancelledError);
    CHECK_THROWS_AS(waiting.exception(), CancelledError);
    CHECK(running.stop());
    CHECK(running.cancelled());
    CHECK_THROWS_AS(running.result(), CancelledError);

    CHECK(after.result(long_enough) == 9);
    CHECK_FALSE(after.stop());
    CHECK_FALSE(after.cancel());
}

TEST_CASE(
    "Future: one that is stopped while it waits is cancelled, and no worker killed") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit([] {
        test::channel->await();
        return ::getpid();
    });
    const auto waiting = executor.submit(test::square, 2);

    CHECK(waiting.stop());
    channel->tell();

    CHECK(running.result() == executor.submit(test::pid_of_worker, 0).result());
}

TEST_CASE("Future: callbacks get it once it is done, with those who wait told before") {
    ProcessPoolExecutor executor(1);
    const auto future = executor.submit(test::square, 5);
    std::atomic<int> sum = 0;

    for (int i = 0; i < 3; ++i) {
        future.add_done_callback([&](const Future<int>& done) { sum += done.result(); });
    }
    executor.shutdown();
    CHECK(sum == 75);
    future.add_done_callback([&](const Future<int>& done) { sum += done.result(); });
    CHECK(sum == 100);
}

TEST_CASE("Future: callbacks of one that is cancelled are called by who cancels") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit([] { test::channel->await(); });
    const auto waiting = executor.submit(test::square, 2);
    std::thread::id called_by;
    waiting.add_done_callback([&](const auto& future) {
        called_by = std::this_thread::get_id();
        CHECK(future.cancelled());
    });

    waiting.cancel();
    channel->tell();

    CHECK(called_by == std::this_thread::get_id());
}

TEST_CASE("Future: many threads cancel and stop at once, and all are told the same") {
    ProcessPoolExecutor executor({.max_workers = 2, .replace_workers = true});
    for (int round = 0; round < test::rounds(200); ++round) {
        const auto future = executor.submit(test::square, round);
        std::atomic<int> told = 0;
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back(
                [&, i] { told += i == 0 ? future.stop() : future.cancel(); });
        }
        for (auto& thread : threads) thread.join();
        const std::string thrown =
            test::thrown_by([&] { static_cast<void>(future.result(long_enough)); });
        if (future.cancelled()) {
            REQUIRE(thrown == "the future was cancelled");
            REQUIRE(told >= 1);
        } else {
            REQUIRE(thrown == "nothing");
            REQUIRE(told == 0);
        }
    }
}

TEST_CASE("Future: a forked child can neither cancel nor wait for it") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit([] { test::channel->await(); });
    const auto waiting = executor.submit(test::square, 2);

    const std::string told = test::told_by_forked([&] {
        std::string text;
        for (const auto& thrown :
             {test::thrown_by([&] { waiting.cancel(); }),
              test::thrown_by([&] { waiting.stop(); }),
              test::thrown_by([&] { static_cast<void>(waiting.result()); })}) {
            text += thrown.substr(0, 22) + '\n';
        }
        const Future<int> dropped = waiting;
        return text;
    });
    channel->tell();

    CHECK(told ==
          "a pool can only be use\na pool can only be use\na pool can only be use\n");
    CHECK(waiting.result(long_enough) == 4);
}
