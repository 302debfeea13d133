// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "pyproc/futures/errors.hpp"
#include "pyproc/futures/executor.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/worker_count.hpp"
#include "pyproc/multiprocessing/worker_pool.hpp"

namespace pyproc::futures {

/// How a `ProcessPoolExecutor` differs from the usual.
struct ProcessPoolExecutorOptions {
    /// Called by each worker before its first call; may be empty. It is not sent to the
    /// workers but inherited by them, and so may have captured anything. If it throws,
    /// the executor breaks.
    std::function<void()> initializer = {};

    /// After so many calls a worker is replaced; unset: never.
    std::optional<int> max_tasks_per_child = std::nullopt;

    /// How many workers there are; unset: one for each processor that this process may
    /// run on.
    std::optional<int> max_workers = std::nullopt;

    /// Whether a worker that dies is replaced, and only its call fails, with
    /// `WorkerDied`, or is begun anew if `.retries` says so. If not, the executor breaks
    /// as Python's does: all calls fail with `BrokenProcessPool`.
    bool replace_workers = false;
};

/// Calls that forked processes make, as futures.
///
///     ProcessPoolExecutor executor(4);
///     Future<int> answer = executor.submit(think, "deeply");
///     for (double area : executor.map(area_of, shapes)) sum += area;
///
/// The workers are forked when the executor is made, and so have a copy of what the
/// process has in memory then; they may have children of their own.
///
/// The destructor waits until all calls have been made, as leaving Python's `with` block
/// does. So does the end of the program.
///
/// @see Executor
/// Threads: two threads of the library's work for an executor. A worker that replaces
///          another is forked by one of these, and must not wait for a lock that another
///          thread of the program may hold at that moment.
/// Python:  `concurrent.futures.ProcessPoolExecutor`; unlike there all workers are
///          started at once, by fork, which is the only way that they inherit the
///          initializer.
class ProcessPoolExecutor : public Executor<multiprocessing::detail::WorkerPool> {
    using Engine = multiprocessing::detail::WorkerPool;

public:
    /// @throws ValueError        Fewer than one worker, or call of one.
    /// @throws OSError           The system refuses a process, thread or memory.
    /// @throws std::logic_error  The calling process is a daemon.
    explicit ProcessPoolExecutor(int max_workers)
        : ProcessPoolExecutor{ProcessPoolExecutorOptions{.max_workers = max_workers}} {}
    explicit ProcessPoolExecutor(ProcessPoolExecutorOptions options = {})
        : Executor{Engine::start(terms_of(std::move(options)))} {}

    /// The numbers of the workers there are at the moment.
    [[nodiscard]] std::vector<pid_t> pids() const { return engine()->pids(); }

private:
    [[nodiscard]] static multiprocessing::detail::PoolTerms terms_of(
        ProcessPoolExecutorOptions options) {
        multiprocessing::detail::PoolTerms terms;
        terms.processes = multiprocessing::detail::worker_count(options.max_workers);
        terms.staff.initializer = std::move(options.initializer);
        terms.staff.is_daemon = false;
        terms.staff.most_tasks =
            multiprocessing::detail::task_count(options.max_tasks_per_child);
        terms.staff.name = "ForkProcess";
        terms.as_broken = broken_by;
        terms.breaks_at_death = !options.replace_workers;
        terms.closed_error = std::make_exception_ptr(
            std::runtime_error{"cannot schedule new futures after shutdown"});
        terms.finishes_tasks = true;
        return terms;
    }

    [[nodiscard]] static std::exception_ptr broken_by(const std::exception_ptr& reason) {
        std::string text =
            "A process in the process pool was terminated abruptly while the future was "
            "running or pending: ";
        text += multiprocessing::detail::exception_text(reason);
        return std::make_exception_ptr(BrokenProcessPool{text});
    }
};

}  // namespace pyproc::futures
