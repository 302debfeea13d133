// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include <time.h>

#include "pyproc/errors.hpp"
#include "pyproc/futures/errors.hpp"
#include "pyproc/mpi/back_off.hpp"
#include "pyproc/mpi/call.hpp"
#include "pyproc/mpi/program.hpp"
#include "pyproc/mpi/ranks.hpp"
#include "pyproc/mpi/task_list.hpp"
#include "pyproc/mpi/world.hpp"
#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/background_thread.hpp"
#include "pyproc/posix/fork_mark.hpp"
#include "pyproc/posix/relax.hpp"

namespace pyproc::mpi::detail {

/// Has tasks done by the other ranks; by a thread of its own if there are none.
///
/// One thread works for it, which takes in results and sends tasks after them; who waits
/// for a result, or sends one to ranks that have nothing to do, helps. It asks MPI again
/// and again only as long as there are tasks.
///
/// Threads: any public member may be called by any thread at any time.
class RankPool final : public multiprocessing::detail::Engine,
                       public multiprocessing::detail::Finisher,
                       public std::enable_shared_from_this<RankPool> {
    using Coding = multiprocessing::detail::Coding;
    using Job = multiprocessing::detail::Job;
    using TaskCode = multiprocessing::detail::TaskCode;
    using TaskTerms = multiprocessing::detail::TaskTerms;
    using Ticket = multiprocessing::detail::Ticket;

public:
    /// @throws OSError           There can't be another thread.
    /// @throws std::logic_error  The ranks still work for another executor.
    [[nodiscard]] static std::shared_ptr<RankPool> start(
        const std::shared_ptr<World>& world, StartCall start_call) {
        if (const auto other = world->executor.lock()) {
            auto& before = static_cast<RankPool&>(*other);
            if (before.is_collector() || Coding::is_for(&before)) {
                throw std::logic_error{
                    "an MpiPoolExecutor can't be made by what the last one calls, which "
                    "may still have calls to be made"};
            }
            if (!before.is_closed()) {
                throw std::logic_error{
                    "there is another MpiPoolExecutor, which has not been shut down: the "
                    "ranks work for one at a time"};
            }
            before.join();
        }
        const std::shared_ptr<RankPool> pool{new RankPool{world, std::move(start_call)}};
        pool->ranks_.start(pool->start_call_);  // before any task
        pool->start_thread();
        world->executor = pool;
        return pool;
    }

    /// How many ranks do tasks.
    [[nodiscard]] unsigned processes() const noexcept {
        return std::max(static_cast<unsigned>(world_->size), 2U) - 1;
    }

    /// Sends a task off.
    ///
    /// @param size   Of the call, in bytes.
    /// @param write  Writes it into a span of as many bytes.
    /// @throws what a pool that is closed or broken throws; what `write` throws.
    /// @throws ValueError  There is a timeout, or the code is not in the program itself.
    template <class Write>
    void post(const std::shared_ptr<Job>& job, std::size_t index, TaskCode code,
              std::size_t size, Write write, const TaskTerms& terms) {
        require_own_process();
        if (!terms.timeout.is_endless()) {
            throw ValueError{
                "MpiPoolExecutor: there can be no timeout, since a rank of MPI can't be "
                "killed and replaced"};
        }
        const auto address = reinterpret_cast<std::uintptr_t>(code);
        require_code(address);
        Bytes call(size);
        write(std::span{call});
        std::unique_lock lock{mutex_};
        require_open();
        const Ticket ticket =
            tasks_.add(job, index, multiprocessing::detail::to_code_offset(address),
                       std::move(call));
        job->posted(index, ticket);
        constexpr std::size_t some = 32;
        if (ranks_.has_idle() || tasks_.pending() % some == 0) ranks_.send(tasks_);
        const bool is_asleep = std::exchange(is_collector_asleep_, false);
        lock.unlock();
        if (is_asleep) changed_.notify_all();
    }

    /// @throws ValueError  as `require_in_program`.
    void require_code(std::uintptr_t address) const { require_in_program(address); }

    void collect() override {
        std::unique_lock lock{mutex_, std::try_to_lock};
        if (!lock) return;
        if (world_->size == 1 && is_collector() && tasks_.pending() > 0) {
            do_task(lock);
        } else {
            static_cast<void>(progress());
        }
        finish_jobs(lock);
    }

    [[nodiscard]] bool is_collector() const noexcept override { return current_ == this; }

    void require_own_process() const override {
        if (mark_.is_elsewhere()) {
            throw std::logic_error{
                "an MpiPoolExecutor can only be used by the process that has made it"};
        }
        require_not_coding();
    }

    [[nodiscard]] bool is_running(Ticket ticket) override {
        require_own_process();
        const std::lock_guard lock{mutex_};
        return tasks_.is(ticket, RankTask::State::sent);
    }

    [[nodiscard]] bool withdraw(Ticket ticket) override {
        require_own_process();
        const std::lock_guard lock{mutex_};
        if (!tasks_.is(ticket, RankTask::State::pending)) return false;
        static_cast<void>(tasks_.release(ticket.slot));
        return true;
    }

    /// A rank can't be killed: this is no more than `withdraw`.
    [[nodiscard]] bool stop(Ticket ticket) override { return withdraw(ticket); }

    /// Withdraws the tasks that have not been sent. Their jobs are told that they have
    /// failed.
    void withdraw_all(const std::exception_ptr& failure) {
        std::unique_lock lock{mutex_};
        tasks_.for_each([&](std::uint32_t slot, const RankTask& task) {
            if (task.state == RankTask::State::pending) tasks_.fail(slot, failure);
        });
        finish_jobs(lock);
    }

    /// Withdraws the tasks of a job that have not been sent. It is not told so.
    void withdraw_tasks_of(const Job& job) {
        const std::lock_guard lock{mutex_};
        tasks_.for_each([&](std::uint32_t slot, const RankTask& task) {
            if (task.job.get() != &job || task.state != RankTask::State::pending) return;
            static_cast<void>(tasks_.release(slot));
        });
    }

    /// @throws what `post` throws when no tasks are taken.
    void require_accepting() {
        require_own_process();
        const std::lock_guard lock{mutex_};
        require_open();
    }

    [[nodiscard]] bool is_closed() const {
        const std::lock_guard lock{mutex_};
        return is_closed_;
    }

    /// Never: if a rank dies, MPI ends all of them.
    [[nodiscard]] static constexpr bool is_broken() noexcept { return false; }

    /// Takes no more tasks.
    void close() {
        if (mark_.is_elsewhere()) return;
        require_not_coding();
        const std::lock_guard lock{mutex_};
        is_closed_ = true;
        is_collector_asleep_ = false;
        changed_.notify_all();
    }

    /// Waits until all tasks have been answered, after `close`, and until all that waits
    /// for them has been told. Called by the thread of the pool itself, in a callback, it
    /// does not wait.
    void join() {
        if (mark_.is_elsewhere() || is_collector()) return;
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return is_over_; });
        lock.unlock();
        teller_.await();
    }

    void finish() noexcept override {
        try {
            close();
            // In a callback that ends the program: its thread does nothing else any more.
            if (is_collector()) finish_tasks();
            join();
        } catch (...) {
            // No memory for the words of an error; MPI itself will end the other ranks.
        }
    }

private:
    /// So long after the last answer the thread no longer looks, but is woken.
    static constexpr std::chrono::milliseconds until_asleep{5};

    RankPool(std::shared_ptr<World> world, StartCall start_call)
        : world_{std::move(world)}, start_call_{std::move(start_call)}, ranks_{*world_} {}

    void require_not_coding() const {
        if (!Coding::is_for(this)) return;
        throw std::logic_error{"an MpiPoolExecutor can't be used by what reads a result"};
    }

    // -- All of these with the lock held --

    void require_open() const {
        if (broken_by_) std::rethrow_exception(broken_by_);
        if (!is_closed_) return;
        throw std::runtime_error{"cannot schedule new futures after shutdown"};
    }

    [[nodiscard]] bool has_work() const noexcept {
        return ranks_.in_flight() > 0 || tasks_.pending() > 0;
    }

    bool progress() {
        const Coding here{this};
        return ranks_.progress(tasks_, [this](int rank, const std::exception_ptr& why) {
            break_by(rank, why);
        });
    }

    /// An initializer has thrown.
    void break_by(int number, const std::exception_ptr& reason) {
        if (broken_by_) return;
        broken_by_ = std::make_exception_ptr(futures::BrokenExecutor{
            "the initializer has thrown on rank " + std::to_string(number) + ": " +
            multiprocessing::detail::exception_text(reason)});
        tasks_.for_each([this](std::uint32_t slot, const RankTask&) {
            tasks_.fail(slot, broken_by_);
        });
    }

    /// Tells jobs that they are done. @param lock  Is given up.
    void finish_jobs(std::unique_lock<std::mutex>& lock) {
        teller_.tell(tasks_.take_done_jobs(), lock);
    }

    // -- The thread --

    void start_thread() {
        auto self = std::make_unique<std::shared_ptr<RankPool>>(shared_from_this());
        const auto run = [](void* argument) -> void* {
            const std::unique_ptr<std::shared_ptr<RankPool>> mine{
                static_cast<std::shared_ptr<RankPool>*>(argument)};
            RankPool& pool = **mine;
            current_ = &pool;
            for (bool is_done = false; !is_done;) {
                try {
                    pool.world_->size == 1 ? pool.work_alone() : pool.collect_results();
                    is_done = true;
                } catch (const std::bad_alloc&) {
                    const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
                    ::nanosleep(&moment, nullptr);
                }
            }
            const std::lock_guard lock{pool.mutex_};
            pool.is_over_ = true;
            pool.changed_.notify_all();
            return nullptr;
        };
        const int code = posix::start_background_thread(run, self.get());
        if (code != 0) throw_os_error(code, "pthread_create");
        static_cast<void>(self.release());
    }

    void await_task(std::unique_lock<std::mutex>& lock) {
        is_collector_asleep_ = true;
        changed_.wait(lock, [this] { return !is_collector_asleep_; });
    }

    void collect_results() {
        // Who waits for a result spins, so there is no need to do so here as well.
        BackOff back_off{std::chrono::microseconds{0}};
        std::unique_lock lock{mutex_};
        for (;;) {
            const bool is_any = progress();
            const bool is_idle = !has_work() && !world_->messenger.is_sending();
            const bool is_transferring = world_->messenger.is_transferring();
            if (is_any || is_transferring) back_off.reset();
            if (is_idle && is_closed_) break;
            // Not at once: whoever sends tasks one after another would have to wake it up
            // for each.
            if (is_idle && back_off.waited() > until_asleep) {
                await_task(lock);
                back_off.reset();
            }
            finish_jobs(lock);
            // Each look passes on a part of what is large.
            is_transferring ? posix::relax() : back_off.wait();
            lock.lock();
        }
        finish_jobs(lock);
    }

    /// Does the tasks itself.
    void work_alone() {
        Bytes result;
        const bool is_ready = make_call(start_call_.code, start_call_.bytes, result);
        std::unique_lock lock{mutex_};
        if (!is_ready) {
            break_by(0, exception_of(result));
            finish_jobs(lock);
            lock.lock();
        }
        do_tasks(lock);
    }

    void do_tasks(std::unique_lock<std::mutex>& lock) {
        while (tasks_.pending() > 0 || !is_closed_) {
            if (tasks_.pending() == 0) {
                await_task(lock);
                continue;
            }
            do_task(lock);
            finish_jobs(lock);
            lock.lock();
        }
    }

    /// Does the first that waits.
    void do_task(std::unique_lock<std::mutex>& lock) {
        const std::uint32_t slot = tasks_.next_pending();
        tasks_.mark_sent(slot);
        const auto code = tasks_.at(slot).code;
        const Bytes call = std::move(tasks_.at(slot).call);
        Bytes result;
        lock.unlock();
        ++tasks_begun_;
        const bool has_returned = make_call(code, call, result);
        --tasks_begun_;
        lock.lock();
        const Coding here{this};
        if (has_returned) {
            tasks_.deliver(slot, result);
        } else {
            tasks_.fail(slot, exception_of(result));
        }
    }

    /// In a callback: does what is left to be done of the thread's work.
    void finish_tasks() {
        if (world_->size > 1) return collect_results();
        if (tasks_begun_ > 0) return;  // it is a task that ends the program
        std::unique_lock lock{mutex_};
        do_tasks(lock);
    }

    const std::shared_ptr<World> world_;
    const posix::ForkMark mark_;

    mutable std::mutex mutex_;  ///< guards those below, and all of MPI
    std::condition_variable changed_;
    StartCall start_call_;
    Ranks ranks_;
    TaskList tasks_;
    multiprocessing::detail::JobTeller teller_;
    std::exception_ptr broken_by_;
    bool is_closed_ = false;
    bool is_collector_asleep_ = false;
    bool is_over_ = false;
    int tasks_begun_ = 0;  ///< by the thread itself, whose alone this is

    static inline thread_local constinit const RankPool* current_ = nullptr;
};

}  // namespace pyproc::mpi::detail
