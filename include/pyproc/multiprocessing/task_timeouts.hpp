// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/task_table.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing::detail {

/// Which tasks of a pool must not take longer than some time, from when a worker begins.
///
/// Threads: any member may be called by any thread at any time.
class TaskTimeouts {
public:
    /// Keeps an eye on a task that is about to be sent.
    ///
    /// @return Whether `expire` must be called sooner than it was last told.
    [[nodiscard]] bool add(Ticket ticket, posix::Timeout timeout) {
        const std::lock_guard lock{mutex_};
        tickets_.push_back(ticket);
        const bool are_many = tickets_.size() >= many_;  // most of them done, maybe
        if (are_many) many_ *= 2;
        const auto due = posix::Deadline::after(timeout);
        if (!due.is_before(next_)) return are_many;
        next_ = due;
        return true;
    }

    /// How many it keeps an eye on, those among them that are done since it last looked.
    [[nodiscard]] std::size_t count() {
        const std::lock_guard lock{mutex_};
        return tickets_.size();
    }

    /// Stops the tasks that have taken too long. With the lock held that guards the
    /// table.
    ///
    /// @param stopped  Called with the ticket of each and the number of its worker.
    /// @return When to call this again.
    template <class Stopped>
    [[nodiscard]] posix::Deadline expire(TaskTable& table, Stopped stopped) {
        const std::lock_guard lock{mutex_};
        next_ = posix::Deadline{};
        std::erase_if(tickets_, [&](Ticket ticket) {
            const Task* const task = table.find(ticket);
            if (task == nullptr) return true;
            const auto due = due_of(table.started(ticket.slot), task->terms.timeout);
            if (!due.has_passed()) {
                next_ = next_.or_earlier(due);
                return false;
            }
            const std::uint32_t worker = table.stop(ticket);
            if (worker != 0) {
                stopped(ticket, worker);
                return true;
            }
            const auto phase = table.state(ticket.slot).phase();
            // Else it may not take any time, and waits or has begun just now; or
            // `started` is from the one before at this place, whose worker has been
            // stopped just as it began.
            const bool is_over =
                phase == TaskState::Phase::done || phase == TaskState::Phase::withdrawn;
            if (!is_over) next_ = next_.or_earlier(soon_or_after(task->terms.timeout));
            return is_over;
        });
        many_ = std::max(least_many, 2 * tickets_.size());
        return next_;
    }

private:
    /// @param started  In nanoseconds of the steady clock; 0 if no worker has begun: then
    ///                 the task is due no sooner than if one began now.
    [[nodiscard]] static posix::Deadline due_of(std::int64_t started,
                                                posix::Timeout timeout) {
        if (started == 0) return posix::Deadline::after(timeout);
        const auto spent = posix::Deadline::clock::now().time_since_epoch() -
                           std::chrono::nanoseconds{started};
        return posix::Deadline::after(posix::Timeout{timeout.limit() - spent});
    }

    [[nodiscard]] static posix::Deadline soon_or_after(posix::Timeout timeout) {
        constexpr std::chrono::nanoseconds soon = std::chrono::milliseconds{1};
        return posix::Deadline::after(posix::Timeout{std::max(soon, timeout.limit())});
    }

    static constexpr std::size_t least_many = 4096;

    std::mutex mutex_;
    std::vector<Ticket> tickets_;
    std::size_t many_ = least_many;
    posix::Deadline next_;
};

}  // namespace pyproc::multiprocessing::detail
