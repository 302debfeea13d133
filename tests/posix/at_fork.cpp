// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/at_fork.hpp"

#include <cstdlib>
#include <string>

#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

namespace {

std::string calls;

/// What was called around a fork, in the parent and in the child.
std::string calls_around_fork() {
    return test::told_by_forked([] {
        const AroundFork around;
        std::string childs = test::told_by_forked([&around] {
            around.after_in_child();
            return calls;
        });
        around.after_in_parent();
        return calls + "|" + childs;
    });
}

}  // namespace

TEST_CASE("register_at_fork: before in reverse order, after in order, each on its side") {
    const std::string told = test::told_by_forked([] {
        register_at_fork([] { calls += "a"; }, [] { calls += "b"; },
                         [] { calls += "c"; });
        register_at_fork([] { calls += "A"; }, [] { calls += "B"; },
                         [] { calls += "C"; });
        return calls_around_fork();
    });

    CHECK(told == "AabB|AacC");
}

TEST_CASE("register_at_fork: any of the three may be left out, but not all") {
    const std::string told = test::told_by_forked([] {
        register_at_fork(nullptr, nullptr, [] { calls += "c"; });
        register_at_fork([] { calls += "a"; });
        register_at_fork(nullptr, [] { calls += "b"; });
        return calls_around_fork();
    });

    CHECK(told == "ab|ac");
    CHECK_THROWS_AS(register_at_fork(nullptr), pyproc::ValueError);
    CHECK_THROWS_WITH(register_at_fork(nullptr, nullptr, nullptr),
                      "At least one argument is required.");
}

TEST_CASE(
    "register_at_fork: functions may have state, which each process has its own of") {
    const std::string told = test::told_by_forked([] {
        int count = 0;
        register_at_fork([&count] { ++count; }, nullptr,
                         [n = 1]() mutable { calls += std::to_string(++n); });
        std::string seen = calls_around_fork();
        return seen + std::to_string(count);
    });

    CHECK(told == "|20");  // counted in the child that calls_around_fork has forked
}

TEST_CASE("register_at_fork: what is registered meanwhile waits for the next fork") {
    const std::string told = test::told_by_forked([] {
        register_at_fork([] { register_at_fork(nullptr, [] { calls += "late"; }); });
        return calls_around_fork();
    });

    CHECK(told == "|");
}

TEST_CASE("register_at_fork: an exception is dropped, with a line, and the rest called") {
    const std::string told = test::told_by_forked([] {
        ::close(STDERR_FILENO);
        register_at_fork(nullptr, [] { throw 1; });
        register_at_fork(nullptr, [] { calls += "b"; });
        return calls_around_fork();
    });

    CHECK(told == "b|");
}
