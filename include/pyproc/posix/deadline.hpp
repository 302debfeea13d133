// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <limits>
#include <type_traits>

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
        using seconds = std::chrono::duration<long double>;
        if (limit <= limit.zero()) return nanoseconds::zero();
        // Compared as floating point first: the exact conversion below would overflow for
        // just those values that this is here to catch.
        constexpr seconds longest{std::chrono::hours{24 * 365 * 250}};
        if (!(seconds{limit} < longest)) return nanoseconds::max();
        return std::chrono::duration_cast<nanoseconds>(limit);
    }

    nanoseconds limit_ = nanoseconds::max();
};

/// A point on the steady clock by which something must be done; or no such point.
class Deadline {
public:
    using clock = std::chrono::steady_clock;

    /// Never.
    constexpr Deadline() noexcept = default;

    explicit constexpr Deadline(clock::time_point when) noexcept : when_{when} {}

    /// The point `timeout` from now.
    [[nodiscard]] static Deadline after(Timeout timeout) noexcept {
        if (timeout.is_endless()) return {};
        const clock::time_point now = clock::now();
        if (timeout.limit() >= clock::time_point::max() - now) return {};
        return Deadline{now + timeout.limit()};
    }

    [[nodiscard]] constexpr bool is_never() const noexcept {
        return when_ == clock::time_point::max();
    }

    /// The point; `time_point::max()` for never.
    [[nodiscard]] constexpr clock::time_point point() const noexcept { return when_; }

    [[nodiscard]] bool has_passed() const noexcept {
        return !is_never() && clock::now() >= when_;
    }

    /// This one, or `other` if that comes first.
    [[nodiscard]] constexpr Deadline or_earlier(Deadline other) const noexcept {
        return other.when_ < when_ ? other : *this;
    }

    /// What is left, as ppoll(2) takes it: never negative. Only for a deadline that is a
    /// point in time.
    [[nodiscard]] timespec remaining() const noexcept {
        using namespace std::chrono;
        const auto left = when_ - clock::now();
        if (left <= left.zero()) return {};
        const auto whole = duration_cast<seconds>(left);
        return {.tv_sec = whole.count(),
                .tv_nsec = duration_cast<nanoseconds>(left - whole).count()};
    }

private:
    clock::time_point when_ = clock::time_point::max();
};

}  // namespace pyproc::posix
