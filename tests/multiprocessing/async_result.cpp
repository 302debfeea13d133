// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/async_result.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <forward_list>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/multiprocessing/pool.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::long_enough;
using test::numbers;
using test::squares;

TEST_CASE(
    "AsyncResult: callbacks are called before who waits is woken, each if it is due") {
    Pool pool(1);
    std::atomic<int> value = 0;
    std::atomic<int> failures = 0;

    const auto good = pool.apply_async(test::square, 3)
                          .callback([&](int n) { value = n; })
                          .error_callback([&](const auto&) { ++failures; });
    CHECK(good.get() == 9);
    CHECK(value == 9);
    const auto bad = pool.apply_async([] { throw std::runtime_error{"no"}; })
                         .callback([&](const auto&) { value = -1; })
                         .error_callback([&](const auto&) { ++failures; });
    CHECK(bad.wait(long_enough));

    CHECK(value == 9);
    CHECK(failures == 1);
    CHECK(good.successful());
    CHECK_FALSE(bad.successful());
}

TEST_CASE("AsyncResult: one of no call says so, whatever it is asked") {
    const AsyncResult<int> none;

    for (const auto& thrown : {
             test::thrown_by([&] { static_cast<void>(none.get()); }),
             test::thrown_by([&] { none.wait(1ms); }),
             test::thrown_by([&] { static_cast<void>(none.ready()); }),
             test::thrown_by([&] { static_cast<void>(none.successful()); }),
             test::thrown_by([&] { none.callback([](int) {}); }),
             test::thrown_by([&] { none.error_callback([](const auto&) {}); }),
         }) {
        CHECK(thrown == "a result of no call");
    }
}

TEST_CASE("Pool: a callback that throws is told on stderr, and nothing else suffers") {
    test::Redirected err{STDERR_FILENO};
    {
        Pool pool(1);
        const auto result = pool.apply_async(test::square, 3).callback([](int) {
            throw std::runtime_error{"out of the callback"};
        });
        CHECK(result.get() == 9);
        CHECK(pool.apply(test::square, 2) == 4);
    }
    CHECK_THAT(err.text(), test::Contains("out of the callback"));
}

TEST_CASE("Pool: a callback may submit more, and close and join the pool") {
    Pool pool(2);
    std::atomic<int> second = 0;
    std::vector<AsyncResult<int>> more(1);

    const auto first = pool.apply_async(test::square, 2).callback([&](int n) {
        more[0] = pool.apply_async(test::square, n).callback([&](int m) { second = m; });
        pool.close();
        pool.join();
    });
    CHECK(first.get(long_enough) == 4);
    CHECK(more[0].get(long_enough) == 16);
    pool.join();

    CHECK(second == 16);
}

TEST_CASE("Pool: a callback may wait for a task, even where it is told of a death") {
    Pool pool(1);
    std::atomic<int> after_death = 0;
    std::atomic<int> after_timeout = 0;

    const auto dead = pool.apply_async(test::die, SIGKILL).error_callback([&](auto&&) {
        after_death = pool.apply(test::square, 3);
    });
    CHECK(dead.wait(long_enough));
    const auto slow =
        pool.apply_async(CallOptions{.timeout = 1ms}, [] { ::pause(); })
            .error_callback([&](auto&&) { after_timeout = pool.apply(test::square, 4); });
    CHECK(slow.wait(long_enough));

    CHECK(after_death == 9);
    CHECK(after_timeout == 16);
}

TEST_CASE("Pool: a callback may drop the last reference to the pool") {
    const int threads = test::thread_count();
    const auto before = test::open_descriptors();
    for (int round = 0; round < 20; ++round) {
        auto pool = std::make_shared<Pool>(1);
        std::atomic<bool> is_called = false;
        const auto result = pool->apply_async(test::square, 2);
        result.callback([&is_called, pool](int) mutable {
            pool.reset();
            is_called = true;
        });
        pool.reset();
        CHECK(result.get(long_enough) == 4);
        CHECK(is_called);
    }
    REQUIRE(test::comes_about([] { return active_children().empty(); }));
    REQUIRE(test::comes_about([&] {
        return test::thread_count() <= threads && test::open_descriptors() == before;
    }));
}
