// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/resources.hpp"

#include <chrono>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;

namespace {

/// Keeps the processor busy until this process has used up some time of it.
void work(std::chrono::microseconds until) {
    while (os::getrusage(RUSAGE_SELF).ru_utime + os::getrusage(RUSAGE_SELF).ru_stime <
           until) {
    }
}

}  // namespace

TEST_CASE("getrusage: time is used up by working") {
    using namespace std::chrono_literals;
    const auto before = os::getrusage(RUSAGE_SELF);

    work(before.ru_utime + before.ru_stime + 5ms);

    const auto after = os::getrusage(RUSAGE_SELF);
    CHECK(after.ru_utime + after.ru_stime >= before.ru_utime + before.ru_stime + 5ms);
    CHECK(after.ru_maxrss > 0);
}

TEST_CASE("getrusage: a child counts once it has been waited for") {
    using namespace std::chrono_literals;
    const auto before = os::getrusage(RUSAGE_CHILDREN);

    const int code = test::forked([] {
        work(5ms);
        return 0;
    });

    const auto after = os::getrusage(RUSAGE_CHILDREN);
    CHECK(code == 0);
    CHECK(after.ru_utime + after.ru_stime >= before.ru_utime + before.ru_stime + 5ms);
}

TEST_CASE("getrusage: to ask for what there is not is a ValueError") {
    CHECK_THROWS_AS(os::getrusage(77), ValueError);
    CHECK_THROWS_WITH(os::getrusage(77), test::Contains("invalid who parameter"));
}
