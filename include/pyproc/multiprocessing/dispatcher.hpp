// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <time.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/exception_codec.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/pool_memory.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/multiprocessing/task_table.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fork_mark.hpp"

namespace pyproc::multiprocessing::detail {

/// Sends tasks to workers and gives their answers to the jobs that wait for them. What
/// becomes of the workers it does not know.
///
/// Threads: any public member may be called by any thread at any time.
class Dispatcher : public Engine {
public:
    /// Sends a task off.
    ///
    /// @param size   Of the call, in bytes.
    /// @param write  Writes it into a span of as many bytes.
    /// @throws what the pool was given for this if it takes no more tasks, or is broken
    ///         by; what `write` throws. ValueError  The call is too large.
    template <class Write>
    void post(const std::shared_ptr<Job>& job, std::size_t index, TaskCode code,
              std::size_t size, Write write, const TaskTerms& terms) {
        require_own_process();
        Bytes kept;
        if (terms.retries > 0) {
            kept.resize(size);
            write(std::span{kept});
        }
        std::unique_lock lock{posting_};
        require_open();
        std::optional<Ticket> ticket;
        while (!(ticket = table_.take(job, index, terms, code, kept))) {
            lock.unlock();
            collect();
            nap(std::chrono::microseconds{100});
            lock.lock();
            require_open();
        }
        job->posted(index, *ticket);
        try {
            const bool is_timed = !terms.timeout.is_endless();
            if (is_timed) watch(*ticket, terms.timeout);
            while (!send(*ticket, code, is_timed, size, write)) {
                // There is no room. Whoever wants to end the pool must not wait for it.
                lock.unlock();
                // In a callback: a worker may wait for room for its result first.
                if (is_collector()) collect();
                nap(std::chrono::microseconds{100});
                lock.lock();
                if (table_.find(*ticket) == nullptr) return;  // its job has been told
            }
        } catch (...) {
            const std::lock_guard settling{settling_};
            // The pool may have been terminated meanwhile.
            if (table_.find(*ticket) == nullptr) throw;
            static_cast<void>(table_.withdraw(*ticket));
            table_.release(ticket->slot);
            throw;
        }
        lock.unlock();
        memory_.wake_a_worker();
    }

    void collect() override {
        std::unique_lock lock{settling_, std::try_to_lock};
        if (lock) static_cast<void>(collect_with(lock));
    }

    void require_own_process() const override {
        if (is_forked()) {
            throw std::logic_error{
                "a pool can only be used by the process that has made it"};
        }
        if (Coding::is_for(this)) {
            throw std::logic_error{"a pool can't be used by what it writes or reads"};
        }
    }

    [[nodiscard]] bool is_running(Ticket ticket) override {
        const TaskState now = table_.state(ticket.slot);
        return now.generation() == ticket.generation &&
               (now.phase() == TaskState::Phase::running ||
                now.phase() == TaskState::Phase::done);
    }

    [[nodiscard]] bool withdraw(Ticket ticket) override {
        require_own_process();
        const std::lock_guard lock{settling_};
        if (table_.find(ticket) == nullptr || !table_.withdraw(ticket)) return false;
        release(ticket.slot);
        return true;
    }

    /// Withdraws the tasks that no worker has begun. Their jobs are told that they have
    /// failed.
    void withdraw_all(const std::exception_ptr& failure) {
        if (is_forked()) return;
        std::unique_lock posting{posting_};  // so that none is half sent off
        std::unique_lock lock{settling_};
        fail_all(failure, [this](std::uint32_t slot, const Task& task) {
            return table_.withdraw({slot, task.generation});
        });
        posting.unlock();
        finish_jobs(lock);
    }

    /// Withdraws the tasks of a job that no worker has begun. It is not told so.
    void withdraw_tasks_of(const Job& job) {
        if (is_forked()) return;
        const std::scoped_lock lock{posting_, settling_};
        table_.for_each([](TaskState) { return true; },
                        [&](std::uint32_t slot, const Task& task) {
                            if (task.job.get() != &job) return;
                            if (table_.withdraw({slot, task.generation})) release(slot);
                        });
    }

    /// @throws what `post` throws when no tasks are taken.
    void require_accepting() {
        require_own_process();
        const std::lock_guard lock{posting_};
        require_open();
    }

    [[nodiscard]] bool is_closed() const noexcept { return is_closed_; }

    /// Whether it has been closed by itself, since it can't go on.
    [[nodiscard]] bool is_broken() {
        if (is_forked()) return false;
        const std::lock_guard lock{posting_};
        return broken_by_ != nullptr;
    }

protected:
    /// @param closed_error  What `post` throws when no more tasks are taken.
    Dispatcher(unsigned processes, std::exception_ptr closed_error)
        : memory_{processes}, closed_error_{std::move(closed_error)} {}

    /// Something has happened that the watcher of the workers wants to know.
    virtual void nudge() noexcept = 0;

    /// A task is about to be sent that must not take longer than `timeout`.
    virtual void watch(Ticket ticket, posix::Timeout timeout) = 0;

    [[nodiscard]] bool is_forked() const noexcept { return mark_.is_elsewhere(); }

    /// @throws as `post`.
    void require_open() const {
        if (broken_by_) std::rethrow_exception(broken_by_);
        if (is_closed_) std::rethrow_exception(closed_error_);
    }

    /// @return Whether there was room for it within a moment.
    template <class Write>
    [[nodiscard]] bool send(Ticket ticket, TaskCode code, bool is_timed, std::size_t size,
                            Write& write) {
        const std::size_t whole = size + sizeof(CallHead);
        if (whole > memory_.calls().largest_message()) {
            throw ValueError{"a task of " + std::to_string(size) +
                             " bytes is too large for the memory of a pool, which has " +
                             std::to_string(memory_.calls().largest_message())};
        }
        const CallHead head{ticket.slot, ticket.generation, code, is_timed};
        const auto write_all = [&](std::span<std::byte> to) {
            std::memcpy(to.data(), &head, sizeof head);
            const Coding here{this};
            write(to.subspan(sizeof head));
        };
        constexpr std::chrono::milliseconds moment{20};
        return memory_.calls().put(whole, write_all, posix::Deadline::after(moment));
    }

    [[nodiscard]] bool send(Ticket ticket, const Task& task) {
        const auto copy = [&task](std::span<std::byte> to) {
            std::copy(task.call.begin(), task.call.end(), to.begin());
        };
        return send(ticket, task.code, !task.terms.timeout.is_endless(), task.call.size(),
                    copy);
    }

    /// Takes in all results that have come, and tells those jobs that are done with it.
    ///
    /// @param lock  Of `settling_`, which is given up. @return How many there were.
    std::size_t collect_with(std::unique_lock<std::mutex>& lock) {
        const std::size_t count = take_results();
        finish_jobs(lock);
        return count;
    }

    std::size_t take_results() {
        std::size_t count = 0;
        const auto settle_one = [this](std::span<const std::byte> message) {
            settle(message);
        };
        while (!memory_.results().is_empty() && memory_.results().try_get(settle_one)) {
            ++count;
        }
        return count;
    }

    /// What an initializer has thrown, if one has.
    [[nodiscard]] std::exception_ptr start_failure() {
        const std::lock_guard lock{settling_};
        return start_failure_;
    }

    void settle(std::span<const std::byte> message) {
        ResultHead head{};
        std::memcpy(&head, message.data(), sizeof head);
        const auto result = message.subspan(sizeof head);
        if (head.kind == ResultHead::Kind::no_start) {
            start_failure_ = decode_exception(result);
            nudge();
            return;
        }
        Task* const task = table_.find({head.slot, head.generation});
        if (task == nullptr) return;
        make_places_for_jobs(1);  // now, while nothing has changed
        bool is_done = false;
        std::exception_ptr failure;
        try {
            if (head.kind == ResultHead::Kind::exception) {
                failure = decode_exception(result);
            } else {
                const Coding here{this};
                is_done = task->job->deliver(task->index, result);
            }
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure) is_done = task->job->fail(task->index, failure);
        auto job = release(head.slot);
        if (is_done) done_jobs_.push_back(std::move(job));
    }

    /// So that jobs can be noted as done later without asking for memory.
    void make_places_for_jobs(std::size_t count) {
        const std::size_t needed = done_jobs_.size() + count;
        if (needed <= done_jobs_.capacity()) return;
        done_jobs_.reserve(std::max(needed, 2 * done_jobs_.capacity()));
    }

    /// Forgets a task that has been answered.
    std::shared_ptr<Job> release(std::uint32_t slot) {
        auto job = table_.release(slot);
        if (is_closed_ && table_.count() == 0) nudge();
        return job;
    }

    void fail(std::uint32_t slot, const std::exception_ptr& failure) {
        Task& task = table_.at(slot);
        make_places_for_jobs(1);  // now, while nothing has changed
        const bool is_done = task.job->fail(task.index, failure);
        auto job = release(slot);
        if (is_done) done_jobs_.push_back(std::move(job));
    }

    template <class Choose>
    void fail_all(const std::exception_ptr& failure, Choose choose) {
        make_places_for_jobs(table_.count());  // now, while nothing has changed
        table_.for_each([](TaskState) { return true; },
                        [&](std::uint32_t slot, const Task& task) {
                            if (choose(slot, task)) fail(slot, failure);
                        });
    }

    /// Tells jobs that they are done, without the lock: they call what users have given
    /// them.
    ///
    /// The watcher leaves that to the collector: what is called may wait for a task, and
    /// its worker may have to be replaced first.
    void finish_jobs(std::unique_lock<std::mutex>& lock) {
        if (watched_ == this) {
            if (done_jobs_.empty()) return lock.unlock();
            has_left_jobs_ = true;
            lock.unlock();
            return memory_.wake_collector();
        }
        has_left_jobs_ = false;
        teller_.tell(std::exchange(done_jobs_, {}), lock);
    }

    static void nap(std::chrono::nanoseconds length) noexcept {
        const timespec moment{.tv_sec = 0, .tv_nsec = static_cast<long>(length.count())};
        ::nanosleep(&moment, nullptr);
    }

    PoolMemory memory_;
    TaskTable table_{memory_};

    std::mutex posting_;  ///< held while a task is sent; guards the two below
    std::exception_ptr broken_by_;
    std::atomic<bool> is_closed_ = false;

    std::mutex settling_;  ///< held while answers are given; guards those below
    std::exception_ptr start_failure_;  ///< what an initializer has thrown
    std::vector<std::shared_ptr<Job>> done_jobs_;
    JobTeller teller_;

    /// Whether the collector has to look at these though no result has come.
    std::atomic<bool> has_left_jobs_ = false;

    /// The pool whose workers the calling thread watches, if any.
    static inline thread_local constinit const Dispatcher* watched_ = nullptr;

private:
    const std::exception_ptr closed_error_;
    const posix::ForkMark mark_;
};

}  // namespace pyproc::multiprocessing::detail
