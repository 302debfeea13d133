// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/preexec.hpp"

#include <stdexcept>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using pyproc::spawn::Preexec;

namespace {

int calls = 0;

void count_call() {
    ++calls;
}

}  // namespace

TEST_CASE("Preexec: a fresh one has no function") {
    CHECK_FALSE(Preexec{});
}

TEST_CASE("Preexec: it calls a function, or a lambda with what that has captured") {
    int sum = 0;
    const Preexec function{count_call};
    const Preexec lambda{[&sum, values = std::vector<int>{1, 2, 3}]() mutable {
        for (const int value : values) sum += value;
    }};
    calls = 0;

    CHECK(Preexec::call(&function));
    CHECK(Preexec::call(&lambda));

    CHECK(calls == 1);
    CHECK(sum == 6);
}

TEST_CASE("Preexec: an exception does not leave it, and is reported") {
    const Preexec preexec{[] { throw std::runtime_error{"no"}; }};

    CHECK_FALSE(Preexec::call(&preexec));
}

TEST_CASE("Preexec: a copy has a state of its own, and one moved from has none") {
    int last = 0;
    const Preexec original{[&last, count = 0]() mutable { last = ++count; }};
    Preexec copy = original;

    CHECK(Preexec::call(&original));
    CHECK(Preexec::call(&copy));
    CHECK(last == 1);
    const Preexec moved = std::move(copy);
    CHECK(Preexec::call(&moved));

    CHECK(last == 2);
    CHECK_FALSE(copy);  // NOLINT(bugprone-use-after-move,clang-analyzer-cplusplus.Move)
}

TEST_CASE("Preexec: assignment replaces the function, its own included") {
    int last = 0;
    Preexec preexec{[&last] { last = 1; }};

    preexec = Preexec{[&last] { last = 2; }};
    const Preexec& same = preexec;
    preexec = same;
    CHECK(Preexec::call(&preexec));
    CHECK(last == 2);

    preexec = {};
    CHECK_FALSE(preexec);
}
