// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/dispatcher.hpp"
#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/pool_errors.hpp"
#include "pyproc/multiprocessing/pool_threads.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/staff.hpp"
#include "pyproc/multiprocessing/task_table.hpp"
#include "pyproc/multiprocessing/task_timeouts.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/poll.hpp"

namespace pyproc::multiprocessing::detail {

/// How a pool works.
struct PoolTerms {
    unsigned processes = 1;
    StaffTerms staff = {};

    /// Makes what all tasks fail with once the pool can't go on, of the reason for it.
    /// If it is empty they fail with the reason.
    std::function<std::exception_ptr(const std::exception_ptr&)> as_broken = {};

    /// What a task that comes after the pool was closed is refused by.
    std::exception_ptr closed_error = {};

    /// Whether a pool can't go on when a worker dies.
    bool breaks_at_death = false;

    /// At the end of the program: whether tasks are still done, or given up.
    bool finishes_tasks = false;
};

/// Has tasks done by forked processes, and goes on whatever happens to these.
///
/// Two threads work for it. The *collector* takes in results; who waits for one helps.
/// The *watcher* learns of workers that have ended, answers for the tasks that are lost
/// with them, and has them replaced; it also sees to the tasks' timeouts.
///
/// Threads: any member may be called by any thread at any time.
class WorkerPool final : public Dispatcher,
                         public Finisher,
                         public std::enable_shared_from_this<WorkerPool> {
public:
    /// @throws OSError           The system refuses a process, thread or memory; nothing
    ///                           is left behind.
    /// @throws std::logic_error  The calling process is a daemon.
    [[nodiscard]] static std::shared_ptr<WorkerPool> start(PoolTerms terms) {
        const std::shared_ptr<WorkerPool> pool{new WorkerPool{std::move(terms)}};
        try {
            pool->staff_.fill();
            pool->start_threads();
        } catch (...) {
            pool->staff_.end_by(SIGKILL);
            while (!pool->staff_.is_empty()) {
                pool->wait_for_workers(posix::Deadline{});
            }
            throw;
        }
        Registry::here().add(std::weak_ptr<Finisher>{pool});
        return pool;
    }

    [[nodiscard]] unsigned processes() const noexcept { return memory_.desk_count(); }
    [[nodiscard]] std::vector<pid_t> pids() const {
        require_own_process();
        return staff_.pids();
    }

    [[nodiscard]] bool is_collector() const noexcept override {
        return collector_ == this;
    }

    [[nodiscard]] bool stop(Ticket ticket) override {
        require_own_process();
        std::unique_lock lock{settling_};
        if (table_.find(ticket) == nullptr) return false;
        std::uint32_t worker = 0;
        if (!table_.withdraw(ticket) && (worker = table_.stop(ticket)) == 0) return false;
        release(ticket.slot);
        if (worker != 0) dismiss(worker);
        return true;
    }

    /// Takes no more tasks; the workers leave when they have done those there are.
    void close() {
        if (is_forked()) return;
        {
            const std::lock_guard lock{posting_};
            is_closed_ = true;
        }
        nudge();
    }

    /// Ends the workers, whatever they are doing. All tasks fail.
    void terminate() {
        if (!is_forked()) stop_all(std::make_exception_ptr(PoolTerminated{}));
    }

    /// Waits until the workers have ended, after `close` or `terminate`, and until all
    /// that waits for tasks has been told.
    ///
    /// Called by a thread of the pool itself, in a callback, it does not wait.
    void join() {
        if (is_forked() || threads_->is_here()) return;
        threads_->join();
        teller_.await();
    }

    void finish() noexcept override {
        try {
            // In a callback that ends the program: its thread does nothing else any more.
            const bool is_here = threads_->is_here();
            terms_.finishes_tasks && !is_here ? close() : terminate();
            if (is_here) staff_.end_by(SIGKILL);
            threads_->join();
        } catch (...) {
            // No memory: the workers will see that their pool is gone.
        }
    }

private:
    /// A worker that is asked to end has so long before it is killed.
    static constexpr std::chrono::milliseconds grace{500};

    /// So often it looks whether one has ended where nothing tells it so.
    static constexpr std::chrono::milliseconds look_again{50};

    /// When workers can't be started, the next attempt is made so much later.
    static constexpr std::chrono::milliseconds between_attempts{100};

    /// When so many workers have died in their initializer, none coming through in
    /// between, the pool gives up if no other is there; else it takes its time.
    static constexpr int most_early_deaths = 20;

    explicit WorkerPool(PoolTerms terms)
        : Dispatcher{terms.processes, terms.closed_error},
          terms_{std::move(terms)},
          staff_{memory_, terms_.staff},
          control_{posix::make_pipe().or_throw("pipe")} {
        dismissed_.reserve(terms_.processes);  // a worker at most once
        ::fcntl(control_.read_end.get(), F_SETFL, O_NONBLOCK);
        ::fcntl(control_.write_end.get(), F_SETFL, O_NONBLOCK);
    }

    void nudge() noexcept override {
        // If the pipe is full, there is enough in it to be seen.
        static_cast<void>(::write(control_.write_end.get(), "", 1));
    }

    void watch(Ticket ticket, posix::Timeout timeout) override {
        if (timeouts_.add(ticket, timeout)) nudge();
    }

    /// Has a worker killed that is not to blame for it. With `settling_` held.
    void dismiss(std::uint32_t worker) {
        dismissed_.push_back(worker);
        staff_.kill(worker);
    }

    void stop_all(const std::exception_ptr& failure) {
        close();
        std::unique_lock lock{settling_};
        if (is_stopped_) return;
        make_places_for_jobs(table_.count());  // else it is as if not called
        is_stopped_ = true;
        fail_all(failure, [this](std::uint32_t slot, const Task& task) {
            const Ticket ticket{slot, task.generation};
            if (!table_.withdraw(ticket)) static_cast<void>(table_.stop(ticket));
            return true;
        });
        finish_jobs(lock);
        staff_.end_by(SIGTERM);
        nudge();
    }

    void break_by(const std::exception_ptr& reason) {
        const auto failure = terms_.as_broken ? terms_.as_broken(reason) : reason;
        {
            const std::lock_guard lock{posting_};
            if (!broken_by_) broken_by_ = failure;
        }
        stop_all(failure);
    }

    // -- The collector --

    void collect_results() {
        constexpr std::size_t many = 16;
        collector_ = this;
        while (!is_over_) {
            std::unique_lock lock{settling_};
            const std::size_t count = collect_with(lock);
            if (count >= many) {
                // More are on their way: one look later on is cheaper than to be woken
                // for each.
                nap(std::chrono::microseconds{20});
            } else if (count == 0) {
                memory_.sleep_for_results([this] { return is_over_ || has_left_jobs_; });
            }
        }
        std::unique_lock lock{settling_};
        finish_jobs(lock);  // those that the watcher has left
    }

    // -- The watcher --

    void watch_workers() {
        watched_ = this;
        for (;;) {
            const bool is_over = is_stopped_ || (is_closed_ && table_.count() == 0);
            if (is_over) {
                memory_.close();
                if (staff_.is_empty()) break;
            }
            auto next = look_at_timeouts().or_earlier(send_rest());
            if (is_stopped_) next = next.or_earlier(kill_when_due());
            const bool refills = !is_over && gone_.empty() && !staff_.is_full();
            if (refills) next = next.or_earlier(refill());
            if (gone_.empty()) wait_for_workers(next);  // else memory has run out
            for (; !gone_.empty(); gone_.pop_back()) account_for(gone_.back());
            const auto failure = start_failure();
            if (failure && !is_stopped_) break_by(failure);
        }
        is_over_ = true;
        memory_.wake_collector();
    }

    /// Sleeps until a worker has ended, there is something else to see to, or the
    /// deadline has come; and takes those that have ended into `gone_`.
    void wait_for_workers(posix::Deadline deadline) {
        std::vector<pollfd> entries{
            {.fd = control_.read_end.get(), .events = POLLIN, .revents = 0}};
        const bool is_sure = staff_.append_sentinels(entries);
        if (!is_sure) deadline = deadline.or_earlier(posix::Deadline::after(look_again));
        static_cast<void>(posix::poll_until(
            entries.data(), static_cast<nfds_t>(entries.size()), deadline));
        char drop[64];
        while (::read(control_.read_end.get(), drop, sizeof drop) > 0) {
        }
        staff_.remove_ended(gone_);
        const bool is_false_alarm =
            gone_.empty() &&
            std::any_of(entries.begin() + 1, entries.end(),
                        [](const pollfd& entry) { return entry.revents != 0; });
        if (is_false_alarm) nap(std::chrono::milliseconds{5});
    }

    /// Answers for the tasks that a worker had begun when it ended.
    void account_for(const Staff::Gone& gone) {
        const auto death = std::make_exception_ptr(WorkerDied{gone.pid, gone.status});
        const std::uint32_t ready = staff_.latest_ready();
        const std::uint32_t latest = std::max(ready, gone.was_ready ? gone.number : 0U);
        if (latest > latest_ready_) early_deaths_ = 0;
        latest_ready_ = std::max(latest, latest_ready_);
        if (!gone.was_ready) ++early_deaths_;
        bool is_fatal = early_deaths_ >= most_early_deaths && ready == 0;
        {
            std::unique_lock lock{settling_};
            // What it has answered counts, to the last result.
            take_results();
            std::vector<std::uint32_t> lost;
            table_.for_each(
                [&](TaskState state) { return state.worker() == gone.number; },
                [&](std::uint32_t slot, const Task&) { lost.push_back(slot); });
            const bool was_dismissed = std::ranges::count(dismissed_, gone.number) != 0;
            const bool has_left = gone.status == ExitStatus::exited(0) && lost.empty();
            is_fatal |= terms_.breaks_at_death && !has_left && !was_dismissed;
            for (const std::uint32_t slot : lost) {
                if (!is_fatal && !is_begun_anew(slot)) fail(slot, death);
            }
            std::erase(dismissed_, gone.number);  // last: all may be done once more
            finish_jobs(lock);
        }
        // It may have been woken for a task that it has not begun, or been about to wake
        // the collector, which no other does then.
        memory_.wake_all_workers();
        memory_.wake_collector();
        if (is_fatal) break_by(death);
    }

    /// Sends a task off again that was lost. @return Whether it may be.
    [[nodiscard]] bool is_begun_anew(std::uint32_t slot) {
        Task& task = table_.at(slot);
        if (task.terms.retries == 0 || is_stopped_) return false;
        const Ticket ticket = table_.next_ticket(slot);
        unsent_.reserve(unsent_.size() + 1);  // now, while nothing has changed
        if (!task.terms.timeout.is_endless()) watch(ticket, task.terms.timeout);
        --task.terms.retries;
        table_.renew(slot);
        unsent_.push_back(ticket);
        task.job->posted(task.index, ticket);
        if (send(ticket, task)) unsent_.pop_back();
        return true;
    }

    /// Sends off what there was no room for. @return When to do it again, if need be.
    [[nodiscard]] posix::Deadline send_rest() {
        if (unsent_.empty()) return {};
        const std::lock_guard lock{settling_};
        std::erase_if(unsent_, [this](Ticket ticket) {
            const Task* const task = table_.find(ticket);
            return task == nullptr || send(ticket, *task);
        });
        memory_.wake_all_workers();
        return posix::Deadline::after(unsent_.empty() ? posix::Timeout{} : look_again);
    }

    /// Starts workers at the empty desks. @return When to do it again, if need be.
    [[nodiscard]] posix::Deadline refill() {
        if (!refill_at_.has_passed()) return refill_at_;
        if (early_deaths_ >= most_early_deaths) {
            refill_at_ = posix::Deadline::after(between_attempts);
        }
        try {
            staff_.fill();
            return {};
        } catch (...) {
            if (staff_.is_empty()) withdraw_all(std::current_exception());
            return posix::Deadline::after(between_attempts);
        }
    }

    [[nodiscard]] posix::Deadline kill_when_due() {
        if (kill_at_.is_never()) kill_at_ = posix::Deadline::after(grace);
        if (!kill_at_.has_passed()) return kill_at_;
        staff_.end_by(SIGKILL);
        return {};
    }

    /// Fails the tasks that have taken too long. @return When to look again.
    [[nodiscard]] posix::Deadline look_at_timeouts() {
        std::unique_lock lock{settling_};
        make_places_for_jobs(processes());  // now, while no worker has been stopped
        const auto next =
            timeouts_.expire(table_, [this](Ticket ticket, std::uint32_t worker) {
                fail(ticket.slot, timed_out_);
                dismiss(worker);
            });
        finish_jobs(lock);
        return next;
    }

    void start_threads() {
        PoolThreads::start<&WorkerPool::collect_results>(threads_, shared_from_this());
        try {
            PoolThreads::start<&WorkerPool::watch_workers>(threads_, shared_from_this());
        } catch (...) {
            is_over_ = true;
            memory_.wake_collector();
            threads_->join();
            throw;
        }
    }

    const PoolTerms terms_;
    const std::exception_ptr timed_out_ = std::make_exception_ptr(TaskTimeout{});
    Staff staff_;
    posix::Pipe control_;  ///< wakes the watcher
    std::atomic<bool> is_stopped_ = false;
    std::atomic<bool> is_over_ = false;
    std::vector<std::uint32_t> dismissed_;  ///< guarded by `settling_`

    // The watcher's alone.
    std::vector<Staff::Gone> gone_;  ///< not accounted for yet, nor replaced before
    std::vector<Ticket> unsent_;     ///< of tasks that are begun anew
    posix::Deadline kill_at_;
    posix::Deadline refill_at_ = posix::Deadline::after(std::chrono::seconds{0});
    int early_deaths_ = 0;
    std::uint32_t latest_ready_ = 0;  ///< the number of a worker

    TaskTimeouts timeouts_;

    const std::shared_ptr<PoolThreads> threads_ = std::make_shared<PoolThreads>();

    /// The pool that the calling thread takes in results of, if any.
    static inline thread_local constinit const WorkerPool* collector_ = nullptr;
};

}  // namespace pyproc::multiprocessing::detail
