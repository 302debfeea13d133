// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/futures/executor.hpp"
#include "pyproc/mpi/program.hpp"
#include "pyproc/mpi/rank_pool.hpp"
#include "pyproc/mpi/session.hpp"
#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/multiprocessing/task.hpp"

namespace pyproc::mpi {

/// A function that each worker calls before its first call, or a callable that travels;
/// empty: none.
class Initializer {
public:
    Initializer() noexcept = default;

    /// @throws ValueError  A function that is not in the program itself.
    template <multiprocessing::detail::NoneOf<Initializer> F>
    requires std::invocable<F&> Initializer(F f) {
        using Call = multiprocessing::detail::PackedCall<F>;
        const Call packed{f};
        call_.bytes.resize(packed.size());
        packed.write(std::span{call_.bytes});
        call_.code = multiprocessing::detail::to_code_offset(
            reinterpret_cast<std::uintptr_t>(&Call::run));
        if constexpr (multiprocessing::detail::CodePointer<F>) {
            code_ = multiprocessing::detail::address_of_code(f);
        }
    }

    /// For the executor. @throws ValueError  It is a function of a shared library.
    [[nodiscard]] const detail::StartCall& call() const {
        detail::require_in_program(code_);
        return call_;
    }

private:
    detail::StartCall call_;
    std::uintptr_t code_ = 0;
};

/// How an `MpiPoolExecutor` differs from the usual.
struct MpiPoolExecutorOptions {
    /// If it throws, the executor breaks: all calls fail with `BrokenExecutor`.
    Initializer initializer = {};
};

/// Calls that the other ranks of MPI make, as futures.
///
///     MpiPoolExecutor executor(session);
///     Future<int> answer = executor.submit(think, "deeply");
///     for (double area : executor.map(area_of, shapes)) sum += area;
///
/// The interface is that of `futures::ProcessPoolExecutor`. As ranks are neither forked
/// from each other nor can be killed and replaced:
///
/// - A function must be in the program itself, not in a shared library. What a task finds
///   in global variables is what its own rank has put there: use an initializer.
/// - Options with a timeout are refused, `.retries` have no effect, and `Future::stop` is
///   `cancel`. If a rank dies, MPI ends the whole program.
/// - Of short calls, some are sent ahead to a rank that is still busy: `running` is true
///   for them and they can't be cancelled. A call that lies there for some milliseconds
///   because of a long one comes back, for another rank.
/// - Calls and results may be of any size that there is memory for.
///
/// With one rank alone a thread of this process makes the calls, one after another. There
/// may be several executors, one after another.
///
/// The destructor waits until all calls have been made, as leaving Python's `with` block
/// does; so does the end of the session.
///
/// @see futures::Executor, Session
/// Threads: one thread of the library's works for an executor, and one in each worker.
/// Python:  `mpi4py.futures.MPIPoolExecutor`.
class MpiPoolExecutor : public futures::Executor<detail::RankPool> {
public:
    /// @throws std::logic_error  Another executor has not been shut down, or this is a
    ///                           callback of its; or the calling process is a worker.
    /// @throws ValueError        The initializer is a function of a shared library.
    /// @throws OSError           The system refuses a thread.
    explicit MpiPoolExecutor(const Session& session, MpiPoolExecutorOptions options = {})
        : Executor{start(session, options)} {}

    /// How many calls are made at once: the number of ranks that do so.
    [[nodiscard]] unsigned num_workers() const { return engine()->processes(); }

private:
    [[nodiscard]] static std::shared_ptr<detail::RankPool> start(
        const Session& session, const MpiPoolExecutorOptions& options) {
        if (session.is_worker()) {
            throw std::logic_error{
                "MpiPoolExecutor: this rank is a worker, and has to call "
                "Session::serve() instead"};
        }
        return detail::RankPool::start(session.world(), options.initializer.call());
    }
};

}  // namespace pyproc::mpi
