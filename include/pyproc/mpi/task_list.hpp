// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "pyproc/mpi/messenger.hpp"
#include "pyproc/multiprocessing/code_address.hpp"
#include "pyproc/multiprocessing/job.hpp"

namespace pyproc::mpi::detail {

/// A task that is not answered.
struct RankTask {
    enum class State { free, pending, sent };

    std::shared_ptr<multiprocessing::detail::Job> job = {};
    std::size_t index = 0;  ///< which of the job's tasks it is
    multiprocessing::detail::CodeOffset code = 0;
    Bytes call = {};  ///< kept, since a rank may give it back
    std::shared_ptr<const Bytes> large_call = {};
    std::uint32_t generation = 0;
    State state = State::free;

    [[nodiscard]] std::size_t size() const noexcept {
        return large_call ? large_call->size() : call.size();
    }

    /// The call, in memory that stays until it has been sent.
    [[nodiscard]] const std::shared_ptr<const Bytes>& shared_call() {
        if (!large_call) large_call = std::make_shared<const Bytes>(std::move(call));
        return large_call;
    }
};

/// The tasks of an executor that are not answered, and the order in which those wait
/// that no rank has.
///
/// Threads: one at a time.
class TaskList {
    using Job = multiprocessing::detail::Job;
    using Ticket = multiprocessing::detail::Ticket;

public:
    /// Adds one that waits.
    [[nodiscard]] Ticket add(const std::shared_ptr<Job>& job, std::size_t index,
                             multiprocessing::detail::CodeOffset code, Bytes call) {
        if (free_.empty()) {
            // So that there is place for each when it is released.
            if (free_.capacity() == tasks_.size()) free_.reserve(2 * tasks_.size() + 1);
            tasks_.emplace_back();
            free_.push_back(static_cast<std::uint32_t>(tasks_.size() - 1));
        }
        const std::uint32_t slot = free_.back();
        RankTask& task = tasks_[slot];
        const Ticket ticket{slot, task.generation + 1};
        order_.push_back(ticket);
        free_.pop_back();
        task.job = job;
        task.index = index;
        task.code = code;
        task.call = std::move(call);
        task.generation = ticket.generation;
        task.state = RankTask::State::pending;
        ++pending_;
        return ticket;
    }

    /// How many wait.
    [[nodiscard]] std::size_t pending() const noexcept { return pending_; }

    /// The place of the first that waits; there must be one.
    [[nodiscard]] std::uint32_t next_pending() {
        while (!is(order_.front(), RankTask::State::pending)) order_.pop_front();
        return order_.front().slot;
    }

    [[nodiscard]] RankTask& at(std::uint32_t slot) noexcept { return tasks_[slot]; }

    /// The task, if it is not answered yet.
    [[nodiscard]] const RankTask* find(Ticket ticket) const noexcept {
        if (ticket.slot >= tasks_.size()) return nullptr;
        const RankTask& task = tasks_[ticket.slot];
        const bool is_there =
            task.state != RankTask::State::free && task.generation == ticket.generation;
        return is_there ? &task : nullptr;
    }

    /// Whether there is such a task, and this is how it stands with it.
    [[nodiscard]] bool is(Ticket ticket, RankTask::State state) const noexcept {
        const RankTask* const task = find(ticket);
        return task != nullptr && task->state == state;
    }

    /// The first that waits has been sent to a rank.
    void mark_sent(std::uint32_t slot) noexcept {
        tasks_[slot].state = RankTask::State::sent;
        order_.pop_front();
        --pending_;
    }

    /// A rank has given it back: it is the next.
    void mark_given_back(std::uint32_t slot) {
        RankTask& task = tasks_[slot];
        order_.push_front({slot, task.generation});
        task.state = RankTask::State::pending;
        ++pending_;
    }

    /// Forgets a task. @return Its job.
    std::shared_ptr<Job> release(std::uint32_t slot) noexcept {
        RankTask& task = tasks_[slot];
        if (task.state == RankTask::State::pending && --pending_ == 0) order_.clear();
        task.state = RankTask::State::free;
        task.call = Bytes{};
        task.large_call.reset();
        free_.push_back(slot);
        return std::move(task.job);
    }

    /// Gives an answer to the job of a task, which is forgotten then.
    void deliver(std::uint32_t slot, std::span<const std::byte> result) {
        const RankTask& task = tasks_[slot];
        bool is_done = false;
        try {
            is_done = task.job->deliver(task.index, result);
        } catch (...) {
            return fail(slot, std::current_exception());
        }
        note(release(slot), is_done);
    }

    /// The same when it has failed.
    void fail(std::uint32_t slot, const std::exception_ptr& failure) {
        const RankTask& task = tasks_[slot];
        const bool is_done = task.job->fail(task.index, failure);
        note(release(slot), is_done);
    }

    /// The jobs that all answers have been given to: they are to be told, without a lock,
    /// since they call what users have given them.
    [[nodiscard]] std::vector<std::shared_ptr<Job>> take_done_jobs() noexcept {
        return std::exchange(done_jobs_, {});
    }

    /// Calls `visit(slot, task)` for each task. It may release it.
    template <class Visit>
    void for_each(Visit visit) {
        for (std::uint32_t slot = 0; slot < tasks_.size(); ++slot) {
            if (tasks_[slot].state != RankTask::State::free) visit(slot, tasks_[slot]);
        }
    }

private:
    void note(std::shared_ptr<Job> job, bool is_done) {
        if (is_done) done_jobs_.push_back(std::move(job));
    }

    std::deque<RankTask> tasks_;
    std::vector<std::uint32_t> free_;
    std::deque<Ticket> order_;  ///< among them some that have been withdrawn
    std::size_t pending_ = 0;
    std::vector<std::shared_ptr<Job>> done_jobs_;
};

}  // namespace pyproc::mpi::detail
