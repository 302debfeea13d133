// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <ranges>
#include <span>
#include <type_traits>
#include <vector>

#include <poll.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/connection.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/poll.hpp"

namespace pyproc::multiprocessing::connection {

/// Something to wait for: a connection, or a descriptor, such as the sentinel of a
/// process.
class Waitable {
public:
    Waitable(int fd) noexcept : fd_{fd} {}

    /// @throws OSError  The connection is closed.
    Waitable(const Connection& connection) : fd_{connection.fileno()} {}
    Waitable(const Connection* connection) : fd_{connection->fileno()} {}

    [[nodiscard]] int fileno() const noexcept { return fd_; }

    /// Whether both mean the same descriptor: `ready.front() == process.sentinel()`.
    friend bool operator==(const Waitable&, const Waitable&) noexcept = default;

private:
    int fd_;
};

namespace detail {

/// Which of the descriptors are ready, by their places, in order.
[[nodiscard]] inline std::vector<std::size_t> wait_for(std::vector<pollfd>& entries,
                                                       posix::Timeout limit) {
    std::vector<std::size_t> ready;
    if (entries.empty() && limit.is_endless()) return ready;
    for (const pollfd& entry : entries) {
        // poll(2) would pass over it, and wait without end.
        if (entry.fd < 0) throw OSError{EBADF, "wait"};
    }
    posix::poll_until(entries.data(), static_cast<nfds_t>(entries.size()),
                      posix::Deadline::after(limit))
        .or_throw("poll");
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].revents == 0) continue;
        if ((entries[i].revents & POLLNVAL) != 0) throw OSError{EBADF, "wait"};
        ready.push_back(i);
    }
    return ready;
}

[[nodiscard]] inline pollfd entry_for(const Waitable& waitable) noexcept {
    return {.fd = waitable.fileno(), .events = POLLIN, .revents = 0};
}

}  // namespace detail

/// A range of things to wait for, all of one type.
template <class Range>
concept RangeOfWaitables = std::ranges::forward_range<Range> &&
    std::constructible_from<Waitable, std::ranges::range_reference_t<Range>>;

/// Whether pointers to what is in a range are good for longer than the call: not those
/// into a container that is gone with it.
template <class Range>
inline constexpr bool is_lasting =
    std::is_lvalue_reference_v<Range> || std::ranges::borrowed_range<Range> ||
    !std::same_as<std::ranges::range_value_t<Range>, Connection>;

/// Waits until at least one of `waitables` is ready, but no longer than `limit`: until a
/// connection has something to receive or its other end is closed; until a descriptor can
/// be read; until the process of a sentinel has ended.
///
///     for (Connection* each : connection::wait(pointers)) use(each->recv_bytes());
///
/// @param waitables  Pointers to connections, descriptors, or `Waitable`s; or connections
///                   themselves.
/// @return Those that are ready, in their order in the range, none if the limit came
///         first; of connections, pointers to them.
/// @throws OSError  One is closed, or is no descriptor.
///
/// Python: `multiprocessing.connection.wait`. Unlike there, to wait for none of nothing
///         without a limit returns at once.
template <RangeOfWaitables Range>
[[nodiscard]] auto wait(Range&& waitables, posix::Timeout limit = {}) {
    static_assert(
        is_lasting<Range>,
        "connections in a temporary are gone when wait returns, and pointers to "
        "them with it: give them a name first");
    std::vector<pollfd> entries;
    for (auto&& each : waitables) entries.push_back(detail::entry_for(Waitable{each}));
    const auto places = detail::wait_for(entries, limit);

    constexpr bool are_connections =
        std::same_as<std::ranges::range_value_t<Range>, Connection>;
    const auto item = [](auto&& each) {
        if constexpr (are_connections) {
            return &each;
        } else {
            return std::ranges::range_value_t<Range>(each);
        }
    };
    std::vector<
        std::invoke_result_t<decltype(item), std::ranges::range_reference_t<Range>>>
        ready;
    auto next = places.begin();
    std::size_t place = 0;
    for (auto&& each : waitables) {
        if (next == places.end()) break;
        if (*next != place++) continue;
        ready.push_back(item(each));
        ++next;
    }
    return ready;
}

/// The same for a list of several kinds: `wait({a, b, process.sentinel()}, 1s)`.
[[nodiscard]] inline std::vector<Waitable> wait(std::initializer_list<Waitable> waitables,
                                                posix::Timeout limit = {}) {
    return wait(std::span{waitables.begin(), waitables.size()}, limit);
}

}  // namespace pyproc::multiprocessing::connection
