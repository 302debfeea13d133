// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/map_tasks.hpp"

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
#include "support/counting.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::long_enough;
using test::numbers;
using test::squares;

TEST_CASE("Pool: map gives the results in the order of the items, whatever the chunks") {
    Pool pool(3);

    for (const std::size_t chunksize : {0U, 1U, 2U, 7U, 1000U}) {
        CHECK(pool.map({.chunksize = chunksize}, test::square, numbers(100)) ==
              squares(100));
    }
}

TEST_CASE("Pool: map takes any range, also one that can be gone through but once") {
    Pool pool(2);
    const std::forward_list<int> list{4, 5};
    const std::vector<bool> flags{true, false, true};

    CHECK(pool.map(test::square, test::Counting{1, 4}) == std::vector{1, 4, 9});
    CHECK(pool.map(test::square, list) == std::vector{16, 25});
    CHECK(pool.map([](bool b) { return !b; }, flags) ==
          std::vector<bool>{false, true, false});
    CHECK(pool.map(test::square, std::vector<int>{}).empty());
}

TEST_CASE("Pool: map and apply of what returns nothing return nothing") {
    Pool pool(2);
    const auto nothing = [](int) {};

    STATIC_REQUIRE(std::is_void_v<decltype(pool.apply(nothing, 1))>);
    STATIC_REQUIRE(std::is_void_v<decltype(pool.map(nothing, numbers(2)))>);
    pool.apply(nothing, 1);
    pool.map(nothing, numbers(10));
    pool.apply_async(nothing, 1).get();
    CHECK(pool.map_async(nothing, numbers(10)).get().size() == 10);
}

TEST_CASE("Pool: starmap calls with what is in tuples and pairs") {
    Pool pool(2);
    const auto power = [](int base, int exponent) {
        int result = 1;
        for (int i = 0; i < exponent; ++i) result *= base;
        return result;
    };

    CHECK(pool.starmap(power, std::vector{std::pair{2, 3}, std::pair{3, 2}}) ==
          std::vector{8, 9});
    CHECK(pool.starmap_async(power, std::vector{std::tuple{2, 5}}).get() ==
          std::vector{32});
}

TEST_CASE("Pool: a map whose calls throw does all of them, and throws the first") {
    const test::OpenChannel done;
    Pool pool(2);
    const auto may_throw = [](int n) {
        test::channel->tell();
        if (n == 3 || n == 7) throw std::runtime_error{std::to_string(n)};
        return n;
    };

    CHECK(test::thrown_by([&] {
              static_cast<void>(pool.map({.chunksize = 4}, may_throw, numbers(10)));
          }) == "3");
    for (int i = 0; i < 10; ++i) done->await();
}

TEST_CASE("Pool: map tells how far it is, and at the end that it is there") {
    Pool pool(2);
    std::vector<std::size_t> told;

    const auto results = pool.map({.chunksize = 3,
                                   .on_progress =
                                       [&](std::size_t done, std::size_t total) {
                                           told.push_back(done);
                                           CHECK(total == 100);
                                       }},
                                  test::square, numbers(100));

    CHECK(results == squares(100));
    REQUIRE_FALSE(told.empty());
    CHECK(told.back() == 100);
    CHECK(std::ranges::is_sorted(told));
}

TEST_CASE("Pool: map tells how far it is no more than a few tens of times a second") {
    Pool pool(2);
    int told = 0;

    const auto begin = std::chrono::steady_clock::now();
    const auto results = pool.map(
        {.chunksize = 1, .on_progress = [&](std::size_t, std::size_t) { ++told; }},
        [](int n) {
            std::this_thread::sleep_for(1ms);
            return n;
        },
        numbers(300));
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - begin;

    CHECK(results.size() == 300);
    CHECK(told <= 40 * spent.count() + 2);
}

TEST_CASE("usual_chunk_size: four chunks for each worker, and none is empty") {
    using pyproc::multiprocessing::detail::usual_chunk_size;

    CHECK(usual_chunk_size(100'000, 2) == 12'500);
    CHECK(usual_chunk_size(100'001, 2) == 12'501);
    CHECK(usual_chunk_size(9, 2) == 2);
    CHECK(usual_chunk_size(8, 2) == 1);
    CHECK(usual_chunk_size(1, 2) == 1);
    CHECK(usual_chunk_size(0, 2) == 1);
}
