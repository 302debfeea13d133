// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/async_result.hpp"
#include "pyproc/multiprocessing/imap.hpp"
#include "pyproc/multiprocessing/map_tasks.hpp"
#include "pyproc/multiprocessing/outcome.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/multiprocessing/worker_count.hpp"
#include "pyproc/multiprocessing/worker_pool.hpp"

namespace pyproc::multiprocessing {

/// How a pool differs from the usual.
struct PoolOptions {
    /// Called by each worker before its first task; may be empty. It is not sent to the
    /// workers but inherited by them, and so may have captured anything. If it throws,
    /// all tasks fail with what it has thrown.
    std::function<void()> initializer = {};

    /// After so many tasks a worker is replaced; unset: never. A chunk of a map is one
    /// task.
    std::optional<int> max_tasks_per_child = std::nullopt;

    /// How many workers there are; unset: one for each processor that this process may
    /// run on.
    std::optional<int> processes = std::nullopt;
};

/// Processes that call functions for this one.
///
///     Pool pool(4);
///     std::vector<double> areas = pool.map(area_of, shapes);
///     AsyncResult<int> answer = pool.apply_async(think, "deeply");
///
/// A task is a function, a callable without state such as a lambda without captures, or
/// an object of a class that travels; it is called on copies of its arguments, and these
/// and its result must travel, see `serialize.hpp`. Anything else does not compile.
///
/// The workers are forked when the pool is made, and so have a copy of what the process
/// has in memory then. One that ends, killed or not, is noticed at once and replaced; the
/// task that it was at fails with `WorkerDied`, or is begun anew if `.retries` says so;
/// no other task is lost. A task may fork, exit, and close descriptors.
///
/// The destructor terminates the pool, as leaving Python's `with` block does: what is not
/// done fails with `PoolTerminated`. So it is at the end of the program.
///
/// One that has been moved from may be assigned to or destroyed; all else is refused with
/// a `std::logic_error`.
///
/// Threads: any member may be called by any thread at any time, but moving, assigning
///          and destroying. Two threads of the library's work for a pool. A worker that
///          replaces another is forked by one of these, and must not wait for a lock that
///          another thread of the program may hold at that moment.
/// Python:  `multiprocessing.Pool`; options stand first, as with `Process`.
class Pool {
public:
    /// @throws ValueError        Fewer than one process, or task.
    /// @throws OSError           The system refuses a process, thread or memory.
    /// @throws std::logic_error  The calling process is a daemon.
    explicit Pool(int processes) : Pool{PoolOptions{.processes = processes}} {}
    explicit Pool(PoolOptions options = {})
        : pool_{detail::WorkerPool::start(terms_of(std::move(options)))} {}

    Pool(Pool&&) noexcept = default;
    Pool& operator=(Pool&& other) noexcept {
        Pool old{std::move(*this)};
        pool_ = std::move(other.pool_);
        return *this;
    }
    ~Pool() {
        if (!pool_) return;
        pool_->terminate();
        pool_->join();
    }

    /// What `f(args...)` returns when a worker calls it.
    ///
    /// @throws as `AsyncResult::get`. ValueError  The pool is closed.
    template <detail::NoneOf<CallOptions> F, class... Args>
    auto apply(F f, const Args&... args) {
        return apply(CallOptions{}, std::move(f), args...);
    }
    template <class F, class... Args>
    auto apply(const CallOptions& options, F f, const Args&... args) {
        return apply_async(options, std::move(f), args...).get();
    }

    /// The same, without waiting.
    template <detail::NoneOf<CallOptions> F, class... Args>
    auto apply_async(F f, const Args&... args) {
        return apply_async(CallOptions{}, std::move(f), args...);
    }
    template <class F, class... Args>
    auto apply_async(const CallOptions& options, F f, const Args&... args) {
        using Call = detail::PackedCall<F, detail::ArgOf<Args>...>;
        using State = detail::CallOutcome<typename Call::Result>;
        return AsyncResult<typename Call::Returned>{detail::post_call<Call, State>(
            engine(), State::Order::callbacks_first, options, f, args...)};
    }

    /// What `f` returns for each item of a range, in their order.
    ///
    /// All items are done, even if calls throw; then what the first of these has thrown
    /// is thrown.
    ///
    /// @throws as `AsyncResult::get`. ValueError  The pool is closed. What the range
    ///         throws; then calls that no worker has begun are not made.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    auto map(F f, Range&& range) {
        return map(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    auto map(const MapOptions& options, F f, Range&& range) {
        return all_of<detail::OnItem>(options, std::move(f), std::forward<Range>(range));
    }

    /// The same, without waiting for results: `AsyncResult<std::vector<R>>`.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    auto map_async(F f, Range&& range) {
        return map_async(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    auto map_async(const MapOptions& options, F f, Range&& range) {
        return all_later<detail::OnItem>(options, std::move(f),
                                         std::forward<Range>(range));
    }

    /// `map` for a function of several arguments: the items are tuples or pairs of them.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    auto starmap(F f, Range&& range) {
        return starmap(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    auto starmap(const MapOptions& options, F f, Range&& range) {
        return all_of<detail::OnTuple>(options, std::move(f), std::forward<Range>(range));
    }

    /// The same, without waiting for results.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    auto starmap_async(F f, Range&& range) {
        return starmap_async(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    auto starmap_async(const MapOptions& options, F f, Range&& range) {
        return all_later<detail::OnTuple>(options, std::move(f),
                                          std::forward<Range>(range));
    }

    /// What `f` returns for each item of a range, one by one, in their order: a range.
    ///
    /// @see IMapIterator
    /// @throws ValueError  The pool is closed.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    [[nodiscard]] auto imap(F f, Range&& range) {
        return imap(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    [[nodiscard]] auto imap(const MapOptions& options, F f, Range&& range) {
        return detail::start_imap<detail::OnItem>(
            engine(), options, true, false, std::move(f), std::forward<Range>(range));
    }

    /// The same in the order in which the results come.
    template <detail::NoneOf<MapOptions> F, std::ranges::input_range Range>
    [[nodiscard]] auto imap_unordered(F f, Range&& range) {
        return imap_unordered(MapOptions{}, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range Range>
    [[nodiscard]] auto imap_unordered(const MapOptions& options, F f, Range&& range) {
        return detail::start_imap<detail::OnItem>(
            engine(), options, false, false, std::move(f), std::forward<Range>(range));
    }

    /// Takes no more tasks; the workers end when they have done those there are.
    void close() { engine()->close(); }

    /// Ends the workers, by SIGTERM and after half a second by SIGKILL, whatever they are
    /// doing. Tasks that are not done fail with `PoolTerminated`.
    void terminate() { engine()->terminate(); }

    /// Waits until the workers have ended.
    ///
    /// @throws ValueError  Neither `close` nor `terminate` has been called.
    void join() {
        if (!engine()->is_closed()) throw ValueError{"Pool is still running"};
        engine()->join();
    }

    /// The numbers of the workers there are at the moment.
    [[nodiscard]] std::vector<pid_t> pids() const { return engine()->pids(); }

private:
    [[nodiscard]] const std::shared_ptr<detail::WorkerPool>& engine() const {
        if (!pool_) throw std::logic_error{"pool has been moved from"};
        return pool_;
    }

    [[nodiscard]] static detail::PoolTerms terms_of(PoolOptions options) {
        detail::PoolTerms terms;
        terms.processes = detail::worker_count(options.processes);
        terms.staff.initializer = std::move(options.initializer);
        terms.staff.most_tasks = detail::task_count(options.max_tasks_per_child);
        terms.staff.name = "ForkPoolWorker";
        terms.closed_error = std::make_exception_ptr(ValueError{"Pool not running"});
        return terms;
    }

    template <class How, class F, class Range>
    auto all_of(const MapOptions& options, F f, Range&& range) {
        const auto state = detail::post_map<How>(engine(), options, f, range);
        try {
            detail::await_map(*state, options);
        } catch (...) {
            engine()->withdraw_tasks_of(*state);
            throw;
        }
        if constexpr (detail::returns_nothing<How, F, Range>) {
            static_cast<void>(state->value());
        } else {
            return std::move(state->value());
        }
    }

    template <class How, class F, class Range>
    auto all_later(const MapOptions& options, F f, Range&& range) {
        using R = detail::MapResult<How, F, Range>;
        return AsyncResult<std::vector<R>>{
            detail::post_map<How>(engine(), options, f, range)};
    }

    std::shared_ptr<detail::WorkerPool> pool_;
};

}  // namespace pyproc::multiprocessing
