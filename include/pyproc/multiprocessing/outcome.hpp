// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing::detail {

/// What one or more tasks come to: a value, or an exception.
///
/// Threads: any public member may be called by any thread at any time.
template <class R>
class Outcome : public Job {
public:
    using Callback = std::function<void()>;

    /// Whether callbacks are called before those that wait are woken, or after.
    enum class Order { callbacks_first, waiters_first };

    Outcome(std::shared_ptr<Engine> engine, Order order)
        : Job{std::move(engine)}, order_{order} {}

    [[nodiscard]] bool is_ready() const noexcept {
        return is_ready_.load(std::memory_order_acquire);
    }

    [[nodiscard]] bool wait_until(posix::Deadline deadline) {
        return Job::wait_until(deadline, [this] { return is_ready(); });
    }

    /// What came of it, once it is ready: the exception, or null.
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return failure_; }

    /// The value, once it is ready. @throws what the task has thrown.
    [[nodiscard]] R& value() {
        if (failure_) std::rethrow_exception(failure_);
        return *value_;
    }

    /// Has `callback` called once all is there; at once if it is.
    ///
    /// What it throws is written to stderr, as Python does.
    ///
    /// @return By which it can be forgotten again.
    std::size_t call_when_done(Callback callback) {
        {
            const std::lock_guard lock{mutex_};
            if (!is_settled_) {
                callbacks_.push_back({++last_callback_, std::move(callback)});
                return last_callback_;
            }
        }
        call(callback);
        return 0;
    }

    /// Has a callback not called that has not been.
    void forget_callback(std::size_t number) noexcept {
        const std::lock_guard lock{mutex_};
        std::erase_if(callbacks_,
                      [number](const auto& each) { return each.first == number; });
    }

    void finish() noexcept override {
        std::vector<std::pair<std::size_t, Callback>> callbacks;
        {
            const std::lock_guard lock{mutex_};
            if (order_ == Order::waiters_first) is_ready_ = true;
            is_settled_ = true;
            callbacks.swap(callbacks_);
        }
        if (order_ == Order::waiters_first) notify_all();
        for (const auto& each : callbacks) call(each.second);
        if (order_ == Order::callbacks_first) {
            {
                const std::lock_guard lock{mutex_};
                is_ready_ = true;
            }
            notify_all();
        }
        release_engine();
    }

protected:
    std::optional<R> value_;
    std::exception_ptr failure_;

private:
    static void call(const Callback& callback) noexcept {
        try {
            callback();
        } catch (...) {
            try {
                std::cerr << "exception calling callback: " +
                                 exception_text(std::current_exception()) + '\n'
                          << std::flush;
            } catch (...) {
                // Set to throw; there is nobody left to tell.
            }
        }
    }

    const Order order_;
    std::atomic<bool> is_ready_ = false;
    bool is_settled_ = false;
    std::size_t last_callback_ = 0;
    std::vector<std::pair<std::size_t, Callback>> callbacks_;
};

/// One call.
template <class R>
class CallOutcome : public Outcome<R> {
public:
    using Outcome<R>::Outcome;

    bool deliver(std::size_t, std::span<const std::byte> result) override {
        this->value_.emplace(decode<R>(result));
        return true;
    }
    bool fail(std::size_t, const std::exception_ptr& failure) noexcept override {
        this->failure_ = failure;
        return true;
    }
};

/// The same call on many items, in chunks; the first to fail, in their order, counts.
template <class R>
class MapOutcome : public Outcome<std::vector<R>> {
public:
    MapOutcome(std::shared_ptr<Engine> engine, std::size_t count, std::size_t chunk_size)
        : Outcome<std::vector<R>>{std::move(engine),
                                  Outcome<std::vector<R>>::Order::callbacks_first},
          count_{count},
          chunk_size_{chunk_size},
          chunks_left_{(count + chunk_size - 1) / chunk_size} {
        if constexpr (is_filled_in_place) {
            values_.resize(count);
        } else {
            chunks_.resize(chunks_left_);
        }
    }

    /// How many of the items have been done.
    [[nodiscard]] std::size_t done() const noexcept { return done_; }
    [[nodiscard]] std::size_t total() const noexcept { return count_; }

    bool deliver(std::size_t chunk, std::span<const std::byte> result) override {
        const std::size_t count = size_of(chunk);
        const std::size_t first = chunk * chunk_size_;
        std::vector<R>& values = values_of(chunk, count);
        unpack_chunk<R>(
            result, count,
            [&](std::size_t place, R&& value) {
                if constexpr (is_filled_in_place) {
                    values[first + place] = std::move(value);
                } else {
                    values.push_back(std::move(value));
                }
            },
            [&](std::size_t place, const std::exception_ptr& failure) {
                note(first + place, failure);
            });
        return settle(count);
    }

    bool fail(std::size_t chunk, const std::exception_ptr& failure) noexcept override {
        note(chunk * chunk_size_, failure);
        return settle(size_of(chunk));
    }

    /// Called instead of either where there are no items.
    void settle_empty() {
        this->value_.emplace();
        this->finish();
    }

private:
    // Not bool: a vector of those has no elements that could be assigned apart.
    static constexpr bool is_filled_in_place = std::is_trivially_copyable_v<R> &&
                                               std::is_default_constructible_v<R> &&
                                               !std::is_same_v<R, bool>;

    [[nodiscard]] std::size_t size_of(std::size_t chunk) const noexcept {
        return std::min(chunk_size_, count_ - chunk * chunk_size_);
    }

    [[nodiscard]] std::vector<R>& values_of(std::size_t chunk, std::size_t count) {
        if constexpr (is_filled_in_place) {
            return values_;
        } else {
            chunks_[chunk].clear();
            chunks_[chunk].reserve(count);
            return chunks_[chunk];
        }
    }

    void note(std::size_t place, const std::exception_ptr& failure) noexcept {
        if (this->failure_ && failed_at_ <= place) return;
        this->failure_ = failure;
        failed_at_ = place;
    }

    [[nodiscard]] bool settle(std::size_t count) noexcept {
        done_ += count;
        if (--chunks_left_ != 0) return false;
        if (!this->failure_) join_chunks();
        return true;
    }

    void join_chunks() noexcept {
        try {
            if constexpr (!is_filled_in_place) {
                values_.reserve(count_);
                for (auto& chunk : chunks_) {
                    std::move(chunk.begin(), chunk.end(), std::back_inserter(values_));
                }
                chunks_.clear();
            }
            this->value_.emplace(std::move(values_));
        } catch (...) {
            this->failure_ = std::current_exception();
        }
    }

    const std::size_t count_;
    const std::size_t chunk_size_;
    std::size_t chunks_left_;
    std::size_t failed_at_ = 0;
    std::atomic<std::size_t> done_ = 0;
    std::vector<R> values_;
    std::vector<std::vector<R>> chunks_;
};

}  // namespace pyproc::multiprocessing::detail
