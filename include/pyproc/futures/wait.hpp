// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/futures/future.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::futures {

/// What `wait` waits for.
enum class ReturnWhen { first_completed, first_exception, all_completed };

inline constexpr ReturnWhen FIRST_COMPLETED = ReturnWhen::first_completed;
inline constexpr ReturnWhen FIRST_EXCEPTION = ReturnWhen::first_exception;
inline constexpr ReturnWhen ALL_COMPLETED = ReturnWhen::all_completed;

/// What `wait` returns: `auto [done, not_done] = wait(futures)`, each in the order in
/// which they were given.
template <class R>
struct DoneAndNotDone {
    std::vector<Future<R>> done;
    std::vector<Future<R>> not_done;
};

namespace detail {

template <class T>
inline constexpr bool is_future = false;
template <class R>
inline constexpr bool is_future<Future<R>> = true;

template <class Range>
concept RangeOfFutures =
    std::ranges::input_range<Range> && is_future<std::ranges::range_value_t<Range>>;

/// Hears of futures that end, each by its place among those it listens to.
template <class R>
class Listener {
public:
    explicit Listener(std::vector<Future<R>> futures)
        : futures_{std::move(futures)}, heard_{std::make_shared<Heard>()} {
        callbacks_.reserve(futures_.size());
        // One of no call is refused now, before any has got a callback.
        for (const Future<R>& each : futures_) static_cast<void>(each.done());
        for (std::size_t place = 0; place < futures_.size(); ++place) {
            const auto hear = [heard = heard_, place] {
                const std::lock_guard lock{heard->mutex};
                heard->places.push_back(place);
                heard->changed.notify_one();
            };
            callbacks_.push_back(futures_[place].state()->call_when_done(hear));
        }
    }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;
    ~Listener() {
        // In a forked child the locks may be held by threads that it does not have.
        if (::getpid() != process_) return;
        for (std::size_t place = 0; place < callbacks_.size(); ++place) {
            futures_[place].state()->forget_callback(callbacks_[place]);
        }
    }

    [[nodiscard]] const std::vector<Future<R>>& futures() const noexcept {
        return futures_;
    }

    /// How many have not been told of yet.
    [[nodiscard]] std::size_t left() const noexcept { return futures_.size() - told_; }

    /// The next that has ended, waited for; `nullopt` if the deadline came first.
    [[nodiscard]] std::optional<std::size_t> next(posix::Deadline deadline) {
        std::unique_lock lock{heard_->mutex};
        const auto is_there = [this] { return !heard_->places.empty(); };
        while (!is_there()) {
            if (deadline.is_never()) {
                heard_->changed.wait(lock);
                continue;
            }
            if (deadline.has_passed()) return std::nullopt;
            heard_->changed.wait_for(lock, deadline.left());
        }
        const std::size_t place = heard_->places.front();
        heard_->places.pop_front();
        ++told_;
        return place;
    }

private:
    /// Shared with the callbacks, of which one may be called while this goes.
    struct Heard {
        std::mutex mutex;
        std::condition_variable changed;
        std::deque<std::size_t> places;
    };

    const pid_t process_ = ::getpid();
    std::vector<Future<R>> futures_;
    std::shared_ptr<Heard> heard_;
    std::vector<std::size_t> callbacks_;
    std::size_t told_ = 0;
};

}  // namespace detail

/// Waits until all of some futures have ended, or one, but no longer than `limit`.
///
/// @param futures      A range of futures of one type.
/// @param limit        How long to wait: any chrono duration; without end if not given.
/// @param return_when  `ALL_COMPLETED`, `FIRST_COMPLETED`, or `FIRST_EXCEPTION`: one has
///                     thrown, or all have ended.
///
/// @throws std::logic_error  One is of no call.
///
/// Python: `concurrent.futures.wait`.
template <detail::RangeOfFutures Range>
[[nodiscard]] auto wait(const Range& futures, posix::Timeout limit = {},
                        ReturnWhen return_when = ALL_COMPLETED) {
    using F = std::ranges::range_value_t<Range>;
    const auto deadline = posix::Deadline::after(limit);
    detail::Listener listener{
        std::vector<F>(std::ranges::begin(futures), std::ranges::end(futures))};
    while (listener.left() > 0) {
        const auto place = listener.next(deadline);
        if (!place) break;
        const F& ended = listener.futures()[*place];
        const bool is_exception = !ended.cancelled() && ended.exception();
        if (return_when == FIRST_COMPLETED) break;
        if (return_when == FIRST_EXCEPTION && is_exception) break;
    }
    const auto sort = []<class R>(const std::vector<Future<R>>& all) {
        DoneAndNotDone<R> sorted;
        for (const Future<R>& each : all) {
            (each.done() ? sorted.done : sorted.not_done).push_back(each);
        }
        return sorted;
    };
    return sort(listener.futures());
}

/// How `as_completed` waits.
struct AsCompletedOptions {
    /// Called with how many have ended and how many there are, a few tens of times a
    /// second at most, and at the end, by the thread that takes them.
    std::function<void(std::size_t done, std::size_t total)> on_progress = {};

    /// How long to wait for all of them.
    posix::Timeout timeout = {};
};

/// Futures in the order in which they end: a range that can be gone through once.
///
/// Threads: one at a time.
template <class R>
class AsCompleted {
public:
    class iterator {
    public:
        using iterator_concept = std::input_iterator_tag;
        using value_type = Future<R>;
        using difference_type = std::ptrdiff_t;

        iterator() noexcept = default;
        explicit iterator(AsCompleted* all) : all_{all} { ++*this; }

        [[nodiscard]] const Future<R>& operator*() const noexcept {
            return *all_->current_;
        }
        iterator& operator++() {
            all_->current_ = all_->next();
            return *this;
        }
        void operator++(int) { ++*this; }
        friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept {
            return at.is_at_end();
        }

    private:
        [[nodiscard]] bool is_at_end() const noexcept { return !all_->current_; }

        AsCompleted* all_ = nullptr;
    };

    AsCompleted(AsCompletedOptions options, std::vector<Future<R>> futures)
        : options_{std::move(options)},
          deadline_{posix::Deadline::after(options_.timeout)},
          listener_{std::make_unique<detail::Listener<R>>(std::move(futures))} {}

    /// The next that has ended, waited for; `nullopt` after the last.
    ///
    /// @throws TimeoutError  The time for all of them is over.
    /// @throws what `on_progress` throws; the next can be asked for again.
    [[nodiscard]] std::optional<Future<R>> next() {
        if (!ended_ && listener_->left() == 0) return std::nullopt;
        constexpr std::chrono::milliseconds between{40};
        for (;;) {
            const bool tells = static_cast<bool>(options_.on_progress);
            const auto until = tells ? deadline_.or_earlier(next_telling_) : deadline_;
            if (!ended_) ended_ = listener_->next(until);
            if (tells && (next_telling_.has_passed() || listener_->left() == 0)) {
                next_telling_ = posix::Deadline::after(between);
                const std::size_t total = listener_->futures().size();
                options_.on_progress(total - listener_->left(), total);
            }
            if (ended_) {
                return listener_->futures()[*std::exchange(ended_, std::nullopt)];
            }
            if (!deadline_.has_passed()) continue;
            throw TimeoutError{std::to_string(listener_->left()) + " (of " +
                               std::to_string(listener_->futures().size()) +
                               ") futures unfinished"};
        }
    }

    /// Begins to take them; may be called once.
    [[nodiscard]] iterator begin() { return iterator{this}; }
    [[nodiscard]] std::default_sentinel_t end() const noexcept { return {}; }

private:
    AsCompletedOptions options_;
    posix::Deadline deadline_;
    posix::Deadline next_telling_ = posix::Deadline::after(std::chrono::seconds{0});
    std::unique_ptr<detail::Listener<R>> listener_;
    std::optional<std::size_t> ended_;  ///< one that could not be given yet
    std::optional<Future<R>> current_;
};

/// The futures of a range in the order in which they end, those first that have:
///
///     for (const Future<int>& each : as_completed(futures)) use(each.result());
///
/// @param futures  Of one type; one that is given twice comes once.
/// @throws std::logic_error  One is of no call.
///
/// Python: `concurrent.futures.as_completed`.
template <detail::RangeOfFutures Range>
[[nodiscard]] auto as_completed(AsCompletedOptions options, const Range& futures) {
    using F = std::ranges::range_value_t<Range>;
    std::vector<F> each_once;
    std::set<const void*> known;
    for (const F& future : futures) {
        if (known.insert(future.state().get()).second) each_once.push_back(future);
    }
    return AsCompleted{std::move(options), std::move(each_once)};
}
template <detail::RangeOfFutures Range>
[[nodiscard]] auto as_completed(const Range& futures, posix::Timeout limit = {}) {
    return as_completed(AsCompletedOptions{.timeout = limit}, futures);
}

}  // namespace pyproc::futures
