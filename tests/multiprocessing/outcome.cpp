// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/outcome.hpp"

#include <atomic>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::detail;

namespace {

using Call = CallOutcome<int>;

std::exception_ptr failure(const char* text) {
    return std::make_exception_ptr(std::runtime_error{text});
}

Bytes chunk_of(const std::vector<int>& items) {
    using Chunk = PackedChunk<OnItem, int (*)(int), int>;
    Bytes bytes;
    auto at = items.begin();
    Chunk::append_to(
        bytes,
        +[](int n) {
            if (n < 0) throw std::out_of_range{std::to_string(n)};
            return n;
        },
        at, items.size());
    Bytes result;
    Chunk::run(bytes, result);
    return result;
}

}  // namespace

TEST_CASE("CallOutcome: a value or an exception, once it is finished") {
    Call good{nullptr, Call::Order::waiters_first};
    Call bad{nullptr, Call::Order::waiters_first};

    CHECK(good.deliver(0, encode(5)));
    CHECK_FALSE(good.is_ready());
    good.finish();
    CHECK(bad.fail(0, failure("no")));
    bad.finish();

    CHECK(good.is_ready());
    CHECK(good.value() == 5);
    CHECK_THROWS_AS(bad.value(), std::runtime_error);
    CHECK_THROWS_AS(good.deliver(0, Bytes(1)), DecodeError);
}

TEST_CASE("Outcome: callbacks are called before it is ready, or after, as is asked for") {
    for (const auto order : {Call::Order::callbacks_first, Call::Order::waiters_first}) {
        Call outcome{nullptr, order};
        bool was_ready = false;
        outcome.call_when_done([&] { was_ready = outcome.is_ready(); });
        outcome.deliver(0, encode(1));
        outcome.finish();
        CHECK(was_ready == (order == Call::Order::waiters_first));
    }
}

TEST_CASE("Outcome: a callback that comes late is called at once, one forgotten never") {
    Call outcome{nullptr, Call::Order::waiters_first};
    std::vector<int> called;
    outcome.call_when_done([&] { called.push_back(1); });
    const auto number = outcome.call_when_done([&] { called.push_back(2); });
    outcome.call_when_done([&] { called.push_back(3); });
    outcome.forget_callback(number);
    outcome.forget_callback(0);
    outcome.deliver(0, encode(1));

    outcome.finish();
    const auto before = called;
    CHECK(outcome.call_when_done([&] { called.push_back(4); }) == 0);

    CHECK(before == std::vector{1, 3});
    CHECK(called == std::vector{1, 3, 4});
}

TEST_CASE("Outcome: what a callback throws is told on stderr, and the next is called") {
    test::Redirected err{STDERR_FILENO};
    Call outcome{nullptr, Call::Order::waiters_first};
    bool is_called = false;
    outcome.call_when_done([] { throw std::runtime_error{"out of it"}; });
    outcome.call_when_done([] { throw 5; });
    outcome.call_when_done([&] { is_called = true; });
    outcome.deliver(0, encode(1));

    outcome.finish();

    CHECK(is_called);
    CHECK_THAT(err.text(), test::Contains("exception calling callback") &&
                               test::Contains("out of it"));
}

TEST_CASE("Outcome: many threads wait, and all are told") {
    Call outcome{nullptr, Call::Order::waiters_first};
    std::atomic<int> told = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            if (outcome.wait_until({})) told += outcome.value();
        });
    }
    outcome.deliver(0, encode(2));
    outcome.finish();
    for (auto& thread : threads) thread.join();

    CHECK(told == 16);
}

TEST_CASE("MapOutcome: chunks may come in any order, and the values are in theirs") {
    MapOutcome<int> map{nullptr, 5, 2};

    CHECK_FALSE(map.deliver(2, chunk_of({5})));
    CHECK(map.done() == 1);
    CHECK_FALSE(map.deliver(0, chunk_of({1, 2})));
    CHECK(map.deliver(1, chunk_of({3, 4})));
    map.finish();

    CHECK(map.value() == std::vector{1, 2, 3, 4, 5});
    CHECK(map.done() == map.total());
}

TEST_CASE("MapOutcome: of several failures the first in the order of items counts") {
    MapOutcome<int> map{nullptr, 6, 2};

    CHECK_FALSE(map.fail(2, failure("lost")));
    CHECK_FALSE(map.deliver(1, chunk_of({3, -4})));
    CHECK(map.deliver(0, chunk_of({-1, -2})));
    map.finish();

    CHECK_THROWS_WITH(map.value(), "-1");
}

TEST_CASE("MapOutcome: of no items it is ready at once") {
    MapOutcome<std::string> map{nullptr, 0, 1};

    map.settle_empty();

    CHECK(map.is_ready());
    CHECK(map.value().empty());
}
