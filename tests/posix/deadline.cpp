// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/deadline.hpp"

#include <chrono>

#include "support/catch.hpp"

using namespace pyproc::posix;
using namespace std::chrono_literals;

TEST_CASE("Timeout: one that is not given is endless") {
    STATIC_REQUIRE(Timeout{}.is_endless());
    STATIC_REQUIRE(Deadline{}.is_never());
}

TEST_CASE("Timeout: any duration makes one, to the nanosecond") {
    STATIC_REQUIRE(Timeout{5s}.limit() == 5'000'000'000ns);
    STATIC_REQUIRE(Timeout{1500us}.limit() == 1'500'000ns);
    STATIC_REQUIRE(Timeout{std::chrono::duration<double>{0.25}}.limit() == 250ms);
    STATIC_REQUIRE_FALSE(Timeout{5s}.is_endless());
}

TEST_CASE("Timeout: a duration too long for the clock is endless and does not overflow") {
    STATIC_REQUIRE(Timeout{std::chrono::hours::max()}.is_endless());
    STATIC_REQUIRE(Timeout{std::chrono::milliseconds::max()}.is_endless());
    STATIC_REQUIRE(Timeout{std::chrono::nanoseconds::max()}.is_endless());
    STATIC_REQUIRE(Timeout{std::chrono::duration<double>{1e300}}.is_endless());
}

TEST_CASE("Timeout: a negative duration does not wait") {
    STATIC_REQUIRE(Timeout{-5s}.limit() == 0ns);
    STATIC_REQUIRE(Timeout{std::chrono::hours::min()}.limit() == 0ns);
}

TEST_CASE(
    "Deadline: one with nothing to wait for has passed at once, with nothing left") {
    const auto deadline = Deadline::after(0s);

    CHECK(deadline.has_passed());
    CHECK(deadline.remaining().tv_sec == 0);
    CHECK(deadline.remaining().tv_nsec == 0);
}

TEST_CASE("Deadline: what is left is at most the timeout it was made from") {
    const auto deadline = Deadline::after(1500s);

    const timespec left = deadline.remaining();

    CHECK_FALSE(deadline.has_passed());
    CHECK(left.tv_sec <= 1500);
    CHECK(left.tv_sec > 1000);
    CHECK(left.tv_nsec < 1'000'000'000);
}

TEST_CASE("Deadline: an endless timeout never passes") {
    CHECK(Deadline::after(Timeout{}).is_never());
    CHECK(Deadline::after(std::chrono::hours::max()).is_never());
    CHECK_FALSE(Deadline{}.has_passed());
}

TEST_CASE("Deadline: of two the earlier one counts, and any comes before never") {
    const auto soon = Deadline::after(1s);
    const auto late = Deadline::after(1h);

    CHECK(soon.or_earlier(late).remaining().tv_sec < 2);
    CHECK(late.or_earlier(soon).remaining().tv_sec < 2);
    CHECK_FALSE(soon.or_earlier(Deadline{}).is_never());
    CHECK_FALSE(Deadline{}.or_earlier(soon).is_never());
}

TEST_CASE("Deadline: is before a later one, and any is before never") {
    const auto soon = Deadline::after(1s);

    CHECK(soon.is_before(Deadline::after(1h)));
    CHECK_FALSE(Deadline::after(1h).is_before(soon));
    CHECK_FALSE(soon.is_before(soon));
    CHECK(soon.is_before(Deadline{}));
    CHECK_FALSE(Deadline{}.is_before(Deadline{}));
}

TEST_CASE("Deadline: what is left as a duration is what is left, and never negative") {
    const auto left = Deadline::after(1h).left();

    CHECK(left > 59min);
    CHECK(left <= 1h);
    CHECK(Deadline::after(-1s).left() == 0s);
}
