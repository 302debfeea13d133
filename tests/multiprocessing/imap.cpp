// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/imap.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <forward_list>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
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

namespace {

/// Throws when its third item is taken.
struct BrokenRange {
    struct iterator {
        using iterator_concept = std::input_iterator_tag;
        using value_type = int;
        using difference_type = std::ptrdiff_t;
        int at = 0;
        int operator*() const {
            if (at == 2) throw std::out_of_range{"half-way"};
            return at;
        }
        iterator& operator++() {
            ++at;
            return *this;
        }
        void operator++(int) { ++at; }
        friend bool operator==(const iterator& left, std::default_sentinel_t) {
            return left.at == 4;
        }
    };
    [[nodiscard]] iterator begin() const { return {}; }
    [[nodiscard]] std::default_sentinel_t end() const { return {}; }
};

}  // namespace

TEST_CASE("Pool: imap gives results in order, imap_unordered gives each once") {
    Pool pool(3);
    std::vector<int> ordered;
    std::multiset<int> unordered;

    for (const int n : pool.imap({.chunksize = 3}, test::square, numbers(50))) {
        ordered.push_back(n);
    }
    for (const int n : pool.imap_unordered({.chunksize = 4}, test::square, numbers(50))) {
        unordered.insert(n);
    }

    const auto expected = squares(50);
    CHECK(ordered == expected);
    CHECK(unordered == std::multiset<int>(expected.begin(), expected.end()));
}

TEST_CASE("Pool: after an item whose call throws, imap goes on with the next") {
    Pool pool(2);
    auto results = pool.imap(
        [](int n) {
            if (n == 1) throw std::domain_error{"one"};
            return n;
        },
        numbers(3));

    CHECK(results.next() == 0);
    CHECK_THROWS_AS(results.next(), std::domain_error);
    CHECK(results.next() == 2);
    CHECK(results.next() == std::nullopt);
    CHECK(results.next() == std::nullopt);
}

TEST_CASE("Pool: a range that throws half-way stops map, and ends imap there") {
    Pool pool(1);

    CHECK_THROWS_AS(pool.map(test::square, BrokenRange{}), std::out_of_range);
    auto results = pool.imap(test::square, BrokenRange{});
    CHECK(results.next() == 0);
    CHECK(results.next() == 1);
    CHECK_THROWS_AS(results.next(), std::out_of_range);
    CHECK(results.next() == std::nullopt);
    CHECK(pool.apply(test::square, 3) == 9);
}

TEST_CASE("Pool: imap of an endless range takes items only as results are taken") {
    Pool pool(1);
    int taken = 0;
    const test::Counting endless{0, std::numeric_limits<int>::max(), &taken};

    auto results = pool.imap({.buffersize = 5}, test::square, endless);
    const int at_first = taken;
    for (int i = 0; i < 10; ++i) CHECK(results.next() == i * i);

    CHECK(at_first == 5);
    CHECK(taken == 15);
}

TEST_CASE("Pool: next of imap ends at its limit, and the result can be asked for again") {
    const test::OpenChannel go;
    Pool pool(1);
    auto results = pool.imap(
        [](int n) {
            test::channel->await();
            return n;
        },
        numbers(1));

    CHECK_THROWS_AS(results.next(1ms), TimeoutError);
    go->tell();
    CHECK(results.next(long_enough) == 0);
}

TEST_CASE("Pool: results of imap may be dropped early, and the pool goes on") {
    Pool pool(2);

    for (int round = 0; round < 20; ++round) {
        auto results = pool.imap_unordered(test::square, numbers(20));
        CHECK(results.next());
    }

    CHECK(pool.apply(test::square, 4) == 16);
}
