// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <memory>
#include <ranges>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "pyproc/futures/errors.hpp"
#include "pyproc/futures/future.hpp"
#include "pyproc/futures/zip.hpp"
#include "pyproc/multiprocessing/imap.hpp"
#include "pyproc/multiprocessing/map_tasks.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/multiprocessing/task.hpp"

namespace pyproc::futures {

using multiprocessing::CallOptions;
using multiprocessing::MapOptions;
using multiprocessing::RemoteError;
using multiprocessing::TaskTimeout;
using multiprocessing::WorkerDied;

/// What all executors have in common: calls that other processes make, as futures.
///
/// A task is a function, a callable without state such as a lambda without captures, or
/// an object of a class that travels; it is called on copies of its arguments, and these
/// and its result must travel, see `serialize.hpp`. Anything else does not compile.
///
/// @tparam Engine  Who has the tasks done.
///
/// Threads: any member may be called by any thread at any time, but moving, assigning
///          and destroying.
/// Python:  `concurrent.futures.Executor`; options stand first.
template <class Engine>
class Executor {
public:
    /// Has a worker call `f(args...)`.
    ///
    /// @throws std::runtime_error  The executor was shut down.
    /// @throws BrokenProcessPool   It is broken.
    /// @throws ValueError          The call is too large for the memory there is.
    template <detail::tasks::NoneOf<CallOptions> F, class... Args>
    auto submit(F f, const Args&... args) {
        return submit(CallOptions{}, std::move(f), args...);
    }
    template <class F, class... Args>
    auto submit(const CallOptions& options, F f, const Args&... args) {
        using Call = detail::tasks::PackedCall<F, detail::tasks::ArgOf<Args>...>;
        using Result = Future<typename Call::Returned>;
        using State = typename Result::State;
        return Result{detail::tasks::post_call<Call, State>(
            engine(), State::Order::waiters_first, options, f, args...)};
    }

    /// What `f` returns for each item of a range, or for the items of several side by
    /// side until the shortest ends; one by one, in their order.
    ///
    ///     for (int length : executor.map(length_of, names)) total += length;
    ///
    /// With `.buffersize`, items are taken only as results are: the range may be endless
    /// then. Calls that nobody has begun are not made if the results are dropped.
    ///
    /// @see multiprocessing::IMapIterator
    /// @throws as `submit`.
    template <detail::tasks::NoneOf<MapOptions> F, std::ranges::input_range... Ranges>
    [[nodiscard]] auto map(F f, Ranges&&... ranges) {
        return map(MapOptions{}, std::move(f), std::forward<Ranges>(ranges)...);
    }
    template <class F, std::ranges::input_range Range>
    [[nodiscard]] auto map(const MapOptions& options, F f, Range&& range) {
        return detail::tasks::start_imap<detail::tasks::OnItem>(
            engine(), options, true, true, std::move(f), std::forward<Range>(range));
    }
    template <class F, std::ranges::input_range... Ranges>
    [[nodiscard]] auto map(const MapOptions& options, F f, Ranges&&... ranges) {
        return detail::tasks::start_imap<detail::tasks::OnTuple>(
            engine(), options, true, true, std::move(f),
            detail::Zip<Ranges...>{std::forward<Ranges>(ranges)...});
    }

    /// Takes no more calls.
    ///
    /// @param wait            Whether to wait until those there are have been made and
    ///                        the workers have ended; if not, they do so by themselves.
    /// @param cancel_futures  Whether calls that no worker has begun are cancelled.
    void shutdown(bool wait = true, bool cancel_futures = false) {
        engine()->close();
        if (cancel_futures) {
            engine()->withdraw_all(std::make_exception_ptr(CancelledError{}));
        }
        if (wait) engine()->join();
    }

protected:
    explicit Executor(std::shared_ptr<Engine> engine) noexcept
        : engine_{std::move(engine)} {}
    Executor(Executor&&) noexcept = default;
    Executor& operator=(Executor&& other) noexcept {
        Executor old{std::move(*this)};
        engine_ = std::move(other.engine_);
        return *this;
    }
    /// As leaving Python's `with` block: waits until all calls have been made, unless it
    /// has been shut down.
    ~Executor() {
        if (engine_ && (!engine_->is_closed() || engine_->is_broken())) shutdown();
    }

    [[nodiscard]] const std::shared_ptr<Engine>& engine() const {
        if (!engine_) throw std::logic_error{"executor has been moved from"};
        return engine_;
    }

private:
    std::shared_ptr<Engine> engine_;
};

}  // namespace pyproc::futures
