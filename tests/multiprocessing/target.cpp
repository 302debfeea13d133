// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/target.hpp"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "support/catch.hpp"

using pyproc::multiprocessing::detail::make_target;

namespace {

struct Counter {
    int count = 0;
    void add(int n) { count += n; }
};

}  // namespace

TEST_CASE("make_target: nothing is called before it is asked to") {
    int calls = 0;

    const auto target = make_target([&calls] { ++calls; });
    const int before = calls;
    target->call();

    CHECK(before == 0);
    CHECK(calls == 1);
}

TEST_CASE("make_target: arguments are copied, so later changes do not matter") {
    std::string argument = "then";
    std::string seen;
    const auto target =
        make_target([&seen](const std::string& s) { seen = s; }, argument);

    argument = "now";
    target->call();

    CHECK(seen == "then");
}

TEST_CASE("make_target: std::ref passes a reference") {
    int n = 1;

    make_target([](int& of_ours) { of_ours = 2; }, std::ref(n))->call();

    CHECK(n == 2);
}

TEST_CASE("make_target: callables and arguments may be such that can only be moved") {
    int seen = 0;
    auto callable = [&seen, one = std::make_unique<int>(1)](std::unique_ptr<int> two) {
        seen = *one + *two;
    };

    make_target(std::move(callable), std::make_unique<int>(2))->call();

    CHECK(seen == 3);
}

TEST_CASE("make_target: a member function is called on the object that follows it") {
    Counter counter;

    make_target(&Counter::add, &counter, 5)->call();

    CHECK(counter.count == 5);
}

TEST_CASE("make_target: what the callable returns is of no interest") {
    CHECK_NOTHROW(make_target([]() -> int { return 1; })->call());
}

TEST_CASE("make_target: arrays and functions decay to pointers") {
    std::string seen;

    make_target([&seen](const char* text) { seen = text; }, "literal")->call();

    CHECK(seen == "literal");
}
