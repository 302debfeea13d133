// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <limits>

#include <time.h>

#include "pyproc/posix/chrono.hpp"

namespace pyproc::posix {

/// How long a caller is ready to wait: any chrono duration, or without end.
///
/// A duration too long for the clock, `hours::max()` say, waits without end instead of
/// overflowing; one that is negative does not wait at all.
class Timeout {
public:
    using nanoseconds = std::chrono::nanoseconds;

    /// Without end.
    constexpr Timeout() noexcept = default;

    template <class Rep, class Period>
    constexpr Timeout(std::chrono::duration<Rep, Period> limit) noexcept
        : limit_{to_nanoseconds(limit)} {}

    [[nodiscard]] constexpr bool is_endless() const noexcept {
        return limit_ == nanoseconds::max();
    }

    /// The limit; `nanoseconds::max()` if there is none.
    [[nodiscard]] constexpr nanoseconds limit() const noexcept { return limit_; }

private:
    template <class Rep, class Period>
    [[nodiscard]] static constexpr nanoseconds to_nanoseconds(
        std::chrono::duration<Rep, Period> limit) noexcept {
        if (limit.count() <= Rep{}) return nanoseconds::zero();
        // Compared as floating point first: the exact conversion below would overflow for
        // just those values that this is here to catch.
        constexpr double longest = 250.0 * 365 * 24 * 60 * 60;
        const std::chrono::duration<double> seconds{limit};
        if (!(seconds.count() < longest)) return nanoseconds::max();
        return std::chrono::duration_cast<nanoseconds>(limit);
    }

    nanoseconds limit_ = nanoseconds::max();
};

/// A point on the steady clock by which something must be done; or no such point.
///
/// It counts nanoseconds by itself: chrono's arithmetic, all templates, costs the
/// compiler more than the rest of this header.
class Deadline {
public:
    using clock = std::chrono::steady_clock;

    /// Never.
    constexpr Deadline() noexcept = default;

    explicit constexpr Deadline(clock::time_point when) noexcept
        : when_{in_nanoseconds(when)} {}

    /// The point `timeout` from now.
    [[nodiscard]] static Deadline after(Timeout timeout) noexcept {
        if (timeout.is_endless()) return {};
        Deadline deadline{clock::now()};
        const long long limit = timeout.limit().count();
        if (limit >= never - deadline.when_) return {};
        deadline.when_ += limit;
        return deadline;
    }

    [[nodiscard]] constexpr bool is_never() const noexcept { return when_ == never; }

    [[nodiscard]] bool has_passed() const noexcept {
        return !is_never() && in_nanoseconds(clock::now()) >= when_;
    }

    [[nodiscard]] constexpr bool is_before(Deadline other) const noexcept {
        return when_ < other.when_;
    }

    /// This one, or `other` if that comes first.
    [[nodiscard]] constexpr Deadline or_earlier(Deadline other) const noexcept {
        return other.when_ < when_ ? other : *this;
    }

    /// What is left, as ppoll(2) takes it: never negative. Only for a deadline that is a
    /// point in time.
    [[nodiscard]] timespec remaining() const noexcept {
        constexpr long long second = 1'000'000'000;
        const long long left = when_ - in_nanoseconds(clock::now());
        if (left <= 0) return {};
        return {.tv_sec = static_cast<time_t>(left / second),
                .tv_nsec = static_cast<long>(left % second)};
    }

    /// The same for what takes a duration, as std::condition_variable does.
    [[nodiscard]] std::chrono::nanoseconds left() const noexcept {
        const timespec rest = remaining();
        return std::chrono::nanoseconds{rest.tv_sec * 1'000'000'000LL + rest.tv_nsec};
    }

private:
    static constexpr long long never = std::numeric_limits<long long>::max();

    [[nodiscard]] static constexpr long long in_nanoseconds(
        clock::time_point when) noexcept {
        return std::chrono::nanoseconds{when.time_since_epoch()}.count();
    }

    long long when_ = never;  ///< since the clock's epoch
};

}  // namespace pyproc::posix
