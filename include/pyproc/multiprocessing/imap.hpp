// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <exception>
#include <iterator>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <ranges>
#include <span>
#include <utility>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/held_range.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/map_tasks.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

namespace detail {

/// Results of a map that are taken one by one.
template <class R>
class Stream : public Job {
public:
    /// The result of one item.
    struct Result {
        std::optional<R> value;
        std::exception_ptr failure;
    };

    Stream(std::shared_ptr<Engine> engine, bool is_ordered)
        : Job{std::move(engine)}, is_ordered_{is_ordered} {}

    /// To be called before the chunk is sent off.
    void expect(std::size_t chunk, std::size_t count) {
        const std::lock_guard lock{mutex_};
        chunks_[chunk].count = count;
    }

    /// The chunk can't be sent off, and this is why: in its place there is one result,
    /// which has failed so.
    void give_up(std::size_t chunk, const std::exception_ptr& failure) {
        const std::lock_guard lock{mutex_};
        arrive(chunk, failed(1, failure));
    }

    bool deliver(std::size_t chunk, std::span<const std::byte> bytes) override {
        std::vector<Result> results;
        const std::size_t count = count_of(chunk);
        results.reserve(count);
        unpack_chunk<R>(
            bytes, count,
            [&](std::size_t, R&& value) {
                results.push_back({std::move(value), nullptr});
            },
            [&](std::size_t, const std::exception_ptr& failure) {
                results.push_back({std::nullopt, failure});
            });
        const std::lock_guard lock{mutex_};
        arrive(chunk, std::move(results));
        return false;
    }

    bool fail(std::size_t chunk, const std::exception_ptr& failure) noexcept override {
        const std::lock_guard lock{mutex_};
        try {
            arrive(chunk, failed(chunks_[chunk].count, failure));
        } catch (...) {
            is_out_of_memory_ = true;
            notify_all();
        }
        return false;
    }

    void finish() noexcept override {}

    /// How many chunks have been sent off of which not all results have been taken.
    [[nodiscard]] std::size_t unread() const {
        const std::lock_guard lock{mutex_};
        return chunks_.size();
    }

    /// Takes the next result, once it is there. @return false if the deadline came first.
    [[nodiscard]] bool take_until(posix::Deadline deadline, Result& result) {
        const auto is_there = [this] {
            return is_out_of_memory_ || find() != chunks_.end();
        };
        if (!wait_until(deadline, is_there)) return false;
        const std::lock_guard lock{mutex_};
        if (is_out_of_memory_) throw std::bad_alloc{};
        const auto found = find();
        Chunk& chunk = found->second;
        result = std::move(chunk.results[chunk.taken++]);
        if (chunk.taken == chunk.results.size()) {
            if (!is_ordered_) arrived_.erase(arrived_.begin());
            chunks_.erase(found);
        }
        return true;
    }

private:
    struct Chunk {
        std::size_t count = 0;
        std::size_t taken = 0;
        std::vector<Result> results = {};  ///< empty until they have come
    };
    using Chunks = std::map<std::size_t, Chunk>;

    // One by one: results may be such as can't be copied.
    [[nodiscard]] static std::vector<Result> failed(std::size_t count,
                                                    const std::exception_ptr& failure) {
        std::vector<Result> results(count);
        for (Result& result : results) result.failure = failure;
        return results;
    }

    [[nodiscard]] std::size_t count_of(std::size_t chunk) {
        const std::lock_guard lock{mutex_};
        return chunks_[chunk].count;
    }

    void arrive(std::size_t chunk, std::vector<Result> results) {
        if (!is_ordered_) arrived_.push_back(chunk);
        chunks_[chunk].results = std::move(results);
        notify_all();
    }

    /// The chunk that the next result is of, if it is there.
    [[nodiscard]] typename Chunks::iterator find() {
        if (is_ordered_) {
            const auto first = chunks_.begin();
            const bool is_there =
                first != chunks_.end() && !first->second.results.empty();
            return is_there ? first : chunks_.end();
        }
        return arrived_.empty() ? chunks_.end() : chunks_.find(arrived_.front());
    }

    const bool is_ordered_;
    Chunks chunks_;
    std::deque<std::size_t> arrived_;  ///< chunks in the order in which they have
    bool is_out_of_memory_ = false;
};

}  // namespace detail

/// The results of a function that other processes call on the items of a range, one by
/// one: a range that can be gone through once, while the calls are made.
///
///     for (double area : pool.imap(area_of, shapes)) sum += area;
///
/// Items are taken from the range as it goes, by the thread that takes the results: so
/// the range must live as long, may be endless, and need not be safe for other threads.
/// What a call has thrown, or taking an item, is thrown in the place of its result; the
/// next results can be taken after that, except when taking an item has thrown: that ends
/// it.
///
/// Threads: one at a time.
/// Python:  `multiprocessing.pool.IMapIterator`; what `Executor.map` returns.
template <class R, class Range, class How, class F, class Pool>
class IMapIterator {
    using Items = typename detail::HeldRange<Range>::Type;
    static_assert(std::ranges::input_range<Items>);

public:
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = R;
        using difference_type = std::ptrdiff_t;

        iterator() noexcept = default;
        explicit iterator(IMapIterator* results) : results_{results} { ++*this; }

        [[nodiscard]] R& operator*() const noexcept { return *results_->current_; }
        iterator& operator++() {
            results_->current_ = results_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept {
            return at.is_at_end();
        }

    private:
        [[nodiscard]] bool is_at_end() const noexcept { return !results_->current_; }

        IMapIterator* results_ = nullptr;
    };

    /// @param cancels  Whether calls that nobody has begun are not made when this is
    ///                 destroyed.
    IMapIterator(std::shared_ptr<Pool> pool, const MapOptions& options, bool is_ordered,
                 bool cancels, F f, Range&& range)
        : state_{std::make_unique<State>(std::move(pool), options, is_ordered, cancels,
                                         std::move(f), std::forward<Range>(range))} {
        state_->top_up();
    }
    IMapIterator(IMapIterator&&) noexcept = default;
    IMapIterator& operator=(IMapIterator&&) noexcept = default;
    ~IMapIterator() = default;

    /// The next result, waited for; `nullopt` after the last.
    ///
    /// @param limit  How long to wait: any chrono duration; without end if not given.
    /// @throws TimeoutError  The limit came first; the result can be asked for again.
    [[nodiscard]] std::optional<R> next(posix::Timeout limit = {}) {
        State& state = *state_;
        if (state.results->unread() == 0) return std::nullopt;
        typename detail::Stream<R>::Result result;
        if (!state.results->take_until(posix::Deadline::after(limit), result)) {
            throw TimeoutError{"next"};
        }
        state.top_up();
        if (result.failure) std::rethrow_exception(result.failure);
        return std::move(result.value);
    }

    /// Begins to take the results; may be called once.
    [[nodiscard]] iterator begin() { return iterator{this}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    /// In one place for as long as it lives, since iterators point into the range.
    struct State {
        State(std::shared_ptr<Pool> the_pool, const MapOptions& options, bool is_ordered,
              bool cancels_rest, F callable, Range&& the_range)
            : pool{std::move(the_pool)},
              results{std::make_shared<detail::Stream<R>>(pool, is_ordered)},
              terms{options.retries, options.timeout},
              chunk_size{std::max<std::size_t>(options.chunksize, 1)},
              cancels{cancels_rest},
              f{std::move(callable)},
              range{std::forward<Range>(the_range)} {
            constexpr std::size_t for_each_worker = 64;
            if (options.buffersize != 0) {
                most_unread = std::max<std::size_t>(options.buffersize / chunk_size, 1);
            } else if constexpr (std::ranges::sized_range<Items>) {
                most_unread = std::numeric_limits<std::size_t>::max();
            } else {
                most_unread = pool->processes() * for_each_worker;
            }
        }
        State(const State&) = delete;
        State& operator=(const State&) = delete;
        ~State() {
            if (cancels) pool->withdraw_tasks_of(*results);
        }

        /// Sends off as many chunks as may be on their way.
        void top_up() {
            while (!is_at_end && results->unread() < most_unread) {
                std::exception_ptr failure;
                try {
                    take_items();
                } catch (...) {
                    failure = std::current_exception();
                    is_at_end = true;
                }
                if (!items.empty()) send_items();
                if (failure) results->give_up(next_chunk++, failure);
            }
        }

        void take_items() {
            items.clear();
            if (!at) at = std::ranges::begin(range.get());
            const auto end = std::ranges::end(range.get());
            while (items.size() < chunk_size) {
                if (*at == end) {
                    is_at_end = true;
                    return;
                }
                items.push_back(**at);
                ++*at;
            }
        }

        void send_items() {
            const std::size_t chunk = next_chunk++;
            results->expect(chunk, items.size());
            try {
                auto first = items.begin();
                detail::post_chunk<How, detail::ItemOf<Items>>(
                    *pool, results, chunk, f, first, items.size(), terms, buffer);
            } catch (...) {
                is_at_end = true;
                results->give_up(chunk, std::current_exception());
            }
        }

        const std::shared_ptr<Pool> pool;
        const std::shared_ptr<detail::Stream<R>> results;
        const detail::TaskTerms terms;
        const std::size_t chunk_size;
        const bool cancels;
        std::size_t most_unread;
        std::size_t next_chunk = 0;
        F f;
        detail::HeldRange<Range> range;
        std::optional<std::ranges::iterator_t<Items>> at;
        bool is_at_end = false;
        std::vector<detail::ItemOf<Items>> items;
        detail::Bytes buffer;
    };

    std::unique_ptr<State> state_;
    std::optional<R> current_;
};

namespace detail {

/// Starts a map whose results are taken one by one.
template <class How, class Pool, class F, std::ranges::input_range Range>
[[nodiscard]] auto start_imap(std::shared_ptr<Pool> pool, const MapOptions& options,
                              bool is_ordered, bool cancels, F f, Range&& range) {
    using Items = typename HeldRange<Range>::Type;
    pool->require_accepting();
    return IMapIterator<MapResult<How, F, Items>, Range, How, F, Pool>{
        std::move(pool), options,      is_ordered,
        cancels,         std::move(f), std::forward<Range>(range)};
}

}  // namespace detail
}  // namespace pyproc::multiprocessing
