// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/relax.hpp"

namespace pyproc::multiprocessing::detail {

/// Names a task of an engine, as long as there is no answer to it.
struct Ticket {
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
};

/// What is asked for with a task beside the call.
struct TaskTerms {
    unsigned retries = 0;  ///< how often it may be lost with a worker and begun anew
    posix::Timeout timeout = {};  ///< how long a worker may take for it
};

/// Who has tasks done by other processes: a pool's, or those of MPI.
class Engine {
public:
    Engine() = default;
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    virtual ~Engine() = default;

    /// Takes in what results have come; gives up at once if somebody else is at it.
    virtual void collect() = 0;

    /// Whether the calling thread is the one that takes in results: it has called what a
    /// user has given it, and if that waits for a result, nobody else takes it in.
    [[nodiscard]] virtual bool is_collector() const noexcept { return false; }

    /// @throws std::logic_error  This process has it from its parent, as a copy that
    ///                           nobody works for.
    virtual void require_own_process() const = 0;

    /// Whether a worker has begun the task.
    [[nodiscard]] virtual bool is_running(Ticket ticket) = 0;

    /// Withdraws a task that no worker has begun; its job is told nothing.
    ///
    /// @return Whether there was such a task: if so, no answer will come.
    [[nodiscard]] virtual bool withdraw(Ticket ticket) = 0;

    /// The same, even if a worker has begun it: that worker is killed and replaced.
    [[nodiscard]] virtual bool stop(Ticket ticket) = 0;
};

/// What is waiting for the answers to one or more tasks.
///
/// Threads: an engine calls `deliver` and `fail` under a lock, one at a time for all of
/// its jobs, and `finish` under none, once.
class Job : public std::enable_shared_from_this<Job> {
public:
    explicit Job(std::shared_ptr<Engine> engine) : engine_{std::move(engine)} {}
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    virtual ~Job() = default;

    /// A task has been sent off; or anew, after it was lost.
    virtual void posted(std::size_t /*index*/, Ticket /*ticket*/) noexcept {}

    /// The result of a task has come.
    ///
    /// @return Whether the job is done with it: then `finish` is to be called.
    /// @throws anything  The result can't be read; `fail` is told so.
    virtual bool deliver(std::size_t index, std::span<const std::byte> result) = 0;

    /// A task has thrown, or has been lost. @return As `deliver`.
    virtual bool fail(std::size_t index, const std::exception_ptr& failure) noexcept = 0;

    /// All of it is answered, and whoever waits is to be told.
    virtual void finish() noexcept = 0;

    /// The engine, as long as there may be answers to come.
    [[nodiscard]] std::shared_ptr<Engine> engine() const {
        const std::lock_guard lock{mutex_};
        return engine_;
    }

protected:
    void release_engine() noexcept {
        std::shared_ptr<Engine> released;  // destroyed last, and without the lock
        const std::lock_guard lock{mutex_};
        released.swap(engine_);
    }

    /// Sleeps until `is_there()`, which is called with the lock held, or the deadline.
    ///
    /// Takes in results itself for a moment first: who has just asked for something short
    /// is answered sooner so than by way of a thread that has to wake up twice.
    template <class IsThere>
    bool wait_until(posix::Deadline deadline, IsThere is_there) {
        const auto asked = [&] {
            const std::lock_guard lock{mutex_};
            return is_there();
        };
        if (asked()) return true;
        if (const auto engine = this->engine()) {
            engine->require_own_process();
            for (int i = 0; i < spins && !deadline.has_passed(); ++i) {
                engine->collect();
                if (asked()) return true;
                posix::relax();
            }
        }
        const auto engine = this->engine();
        const bool collects = engine && engine->is_collector();
        std::unique_lock lock{mutex_};
        while (!is_there()) {
            if (deadline.has_passed()) return false;
            if (collects) {
                lock.unlock();
                engine->collect();
                lock.lock();
                constexpr std::chrono::milliseconds between{1};
                if (!is_there()) changed_.wait_for(lock, between);
            } else if (deadline.is_never()) {
                changed_.wait(lock);
            } else {
                changed_.wait_for(lock, deadline.left());
            }
        }
        return true;
    }

    void notify_all() noexcept { changed_.notify_all(); }

    mutable std::mutex mutex_;

private:
    static constexpr int spins = 200;

    std::condition_variable changed_;
    std::shared_ptr<Engine> engine_;
};

/// While an engine has a call written or a result read, with a lock held: that may call a
/// `Serializer`, which would wait for ever if it used that engine.
class Coding {
public:
    explicit Coding(const Engine* engine) noexcept : engine_{engine}, outer_{innermost_} {
        innermost_ = this;
    }
    Coding(const Coding&) = delete;
    Coding& operator=(const Coding&) = delete;
    ~Coding() { innermost_ = outer_; }

    /// Whether the calling thread is at it for this engine.
    [[nodiscard]] static bool is_for(const Engine* engine) noexcept {
        const Coding* each = innermost_;
        while (each != nullptr && each->engine_ != engine) each = each->outer_;
        return each != nullptr;
    }

private:
    const Engine* const engine_;
    const Coding* const outer_;
    static inline thread_local constinit const Coding* innermost_ = nullptr;
};

/// Tells the jobs of an engine that they are done, and knows when all have been told.
///
/// Threads: any number at once.
class JobTeller {
public:
    /// @param lock  What the jobs are guarded by; given up first, since they call what
    ///              users have given them.
    void tell(const std::vector<std::shared_ptr<Job>>& jobs,
              std::unique_lock<std::mutex>& lock) {
        if (!jobs.empty()) ++telling_;
        lock.unlock();
        if (jobs.empty()) return;
        const Depth here{this, innermost_};
        innermost_ = &here;
        for (const auto& job : jobs) job->finish();
        innermost_ = here.outer;
        if (--telling_ == 0) telling_.notify_all();
    }

    /// Waits until those that others are telling have been told. In a callback of the
    /// same engine, which another may wait for, it does not wait.
    void await() const {
        for (const auto* each = innermost_; each != nullptr; each = each->outer) {
            if (each->teller == this) return;
        }
        for (int count = 0; (count = telling_) != 0;) telling_.wait(count);
    }

private:
    std::atomic<int> telling_ = 0;  ///< how many threads are at it

    /// Whose jobs the calling thread tells, maybe in a callback of another's.
    struct Depth {
        const JobTeller* teller;
        const Depth* outer;
    };
    static inline thread_local constinit const Depth* innermost_ = nullptr;
};

}  // namespace pyproc::multiprocessing::detail
