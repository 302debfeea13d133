// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/outcome.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

/// How a function is mapped over items by other processes.
struct MapOptions {
    /// How many results may be on their way or unread at once, at least; more items are
    /// taken only as results are. 0: all items are taken at once if it can be known how
    /// many there are, else some for each worker. Only for results that are taken one by
    /// one.
    std::size_t buffersize = 0;

    /// How many items are sent to a worker at a time; 0 for what suits: a quarter of a
    /// worker's share where all results are waited for, 1 where they come one by one.
    std::size_t chunksize = 0;

    /// Called with how many items are done and how many there are, a few tens of times a
    /// second at most, and at the end, by the thread that waits. Only where all results
    /// are waited for.
    std::function<void(std::size_t done, std::size_t total)> on_progress = {};

    /// How often each chunk is begun anew after its worker has died; then its items fail
    /// with `WorkerDied`.
    unsigned retries = 0;

    /// How long a worker may take for a chunk; then it is killed and replaced, and the
    /// items fail with `TaskTimeout`.
    posix::Timeout timeout = {};
};

/// How a single call is made by another process.
struct CallOptions {
    /// How often it is begun anew after its worker has died; then it fails with
    /// `WorkerDied`.
    unsigned retries = 0;

    /// How long a worker may take for it; then it is killed and replaced, and the call
    /// fails with `TaskTimeout`.
    posix::Timeout timeout = {};
};

namespace detail {

template <class Range>
using ItemOf = std::ranges::range_value_t<Range>;

template <class How, class F, class Range>
using MapResult = typename PackedChunk<How, F, ItemOf<Range>>::Result;

/// Whether the callable returns nothing for an item.
template <class How, class F, class Range>
inline constexpr bool returns_nothing = std::is_void_v<decltype(How::call(
    std::declval<F&>(),
    Sent<ItemOf<Range>>::unpack(std::declval<typename Sent<ItemOf<Range>>::Type&>())))>;

/// Asks an engine whose workers are not forked whether they have what a part of a call
/// points to.
template <class Pool, class Part>
void require_code_of(Pool& pool, const Part& part) {
    if constexpr (CodePointer<Part> &&
                  requires { pool.require_code(std::uintptr_t{}); }) {
        pool.require_code(address_of_code(part));
    }
}

/// Sends one call off.
///
/// @return What it will come to.
template <class Call, class State, class Pool, class F, class... Args>
[[nodiscard]] std::shared_ptr<State> post_call(const std::shared_ptr<Pool>& pool,
                                               typename State::Order order,
                                               const CallOptions& options, const F& f,
                                               const Args&... args) {
    require_code_of(*pool, f);
    (require_code_of<Pool, ArgOf<Args>>(*pool, args), ...);
    const Call call{f, args...};
    auto state = std::make_shared<State>(pool, order);
    pool->post(
        state, 0, Call::run, call.size(),
        [&call](std::span<std::byte> to) { call.write(to); },
        TaskTerms{options.retries, options.timeout});
    return state;
}

/// Sends one chunk of a map off: `count` items from `at` on, which is moved past them.
template <class How, class Item, class Pool, class F, class Iterator>
void post_chunk(Pool& pool, const std::shared_ptr<Job>& job, std::size_t chunk,
                const F& f, Iterator& at, std::size_t count, const TaskTerms& terms,
                Bytes& buffer) {
    using Chunk = PackedChunk<How, F, Item>;
    require_code_of(pool, f);
    if constexpr (CodePointer<Item>) {
        auto each = at;
        for (std::size_t i = 0; i < count; ++i, ++each) {
            require_code_of<Pool, Item>(pool, *each);
        }
    }
    buffer.clear();
    Chunk::append_to(buffer, f, at, count);
    pool.post(
        job, chunk, Chunk::run, buffer.size(),
        [&buffer](std::span<std::byte> to) {
            std::copy(buffer.begin(), buffer.end(), to.begin());
        },
        terms);
}

/// How many items to send at a time, as Python's pool has it: four chunks a worker.
[[nodiscard]] inline std::size_t usual_chunk_size(std::size_t count,
                                                  unsigned workers) noexcept {
    const std::size_t chunks = std::size_t{workers} * 4;
    return std::max<std::size_t>((count + chunks - 1) / chunks, 1);
}

/// Sends a call off for each item of a range.
///
/// @return What they will come to.
template <class How, class Pool, class F, std::ranges::input_range Range>
[[nodiscard]] auto post_map(const std::shared_ptr<Pool>& pool, const MapOptions& options,
                            const F& f, Range&& range) {
    using Item = ItemOf<Range>;
    using State = MapOutcome<MapResult<How, F, Range>>;
    if constexpr (!std::ranges::forward_range<Range>) {
        std::vector<Item> items;
        for (auto&& item : range) items.push_back(std::forward<decltype(item)>(item));
        return post_map<How>(pool, options, f, items);
    } else {
        const auto total = static_cast<std::size_t>(std::ranges::distance(range));
        const std::size_t size = options.chunksize != 0
                                     ? options.chunksize
                                     : usual_chunk_size(total, pool->processes());
        auto state = std::make_shared<State>(pool, total, size);
        if (total == 0) {
            pool->require_accepting();
            state->settle_empty();
            return state;
        }
        const TaskTerms terms{options.retries, options.timeout};
        Bytes buffer;
        auto at = std::ranges::begin(range);
        try {
            for (std::size_t done = 0, chunk = 0; done < total; ++chunk) {
                const std::size_t count = std::min(size, total - done);
                post_chunk<How, Item>(*pool, state, chunk, f, at, count, terms, buffer);
                done += count;
            }
        } catch (...) {
            pool->withdraw_tasks_of(*state);
            throw;
        }
        return state;
    }
}

/// Waits for the results of a map, and tells how far it is.
///
/// @throws what `on_progress` throws.
template <class State>
void await_map(State& state, const MapOptions& options) {
    if (!options.on_progress) {
        static_cast<void>(state.wait_until({}));
        return;
    }
    constexpr std::chrono::milliseconds between{40};
    std::size_t told = 0;
    for (bool is_ready = false; !is_ready;) {
        is_ready = state.wait_until(posix::Deadline::after(between));
        const std::size_t done = state.done();
        if (done != told || is_ready) options.on_progress(done, state.total());
        told = done;
    }
}

}  // namespace detail
}  // namespace pyproc::multiprocessing
