// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "pyproc/multiprocessing/job.hpp"
#include "pyproc/multiprocessing/pool_memory.hpp"
#include "pyproc/multiprocessing/task.hpp"

namespace pyproc::multiprocessing::detail {

/// What a pool knows of a task that is not answered, and its workers need not.
struct Task {
    std::shared_ptr<Job> job;
    std::size_t index = 0;  ///< which of the job's tasks it is
    std::uint32_t generation = 0;
    TaskTerms terms = {};

    TaskCode code = nullptr;
    Bytes call = {};  ///< kept only if it may have to be sent once more

    std::atomic<bool> is_taken = false;
};

/// The tasks of a pool that are not answered.
///
/// Threads: `take` is called under one lock, all else under another; they meet in
/// `is_taken` alone.
class TaskTable {
public:
    explicit TaskTable(PoolMemory& memory) noexcept : memory_{memory} {}
    TaskTable(const TaskTable&) = delete;
    TaskTable& operator=(const TaskTable&) = delete;
    ~TaskTable() {
        for (auto& block : blocks_) delete[] block.load();
    }

    /// How many tasks there are.
    [[nodiscard]] std::size_t count() const noexcept { return count_; }

    /// Makes a place for a task; `nullopt` if there is none left.
    ///
    /// @param call  Kept with `code`, if the task may have to be sent once more; else
    /// left
    ///              as it is.
    [[nodiscard]] std::optional<Ticket> take(const std::shared_ptr<Job>& job,
                                             std::size_t index, const TaskTerms& terms,
                                             TaskCode code, Bytes& call) {
        const std::optional<std::uint32_t> free = find_free();
        if (!free) return std::nullopt;
        Task& task = at(*free);
        task.job = job;
        task.index = index;
        task.terms = terms;
        if (terms.retries > 0) {
            task.code = code;
            task.call = std::move(call);
        }
        set_pending(*free, task);
        task.is_taken.store(true, std::memory_order_release);
        ++count_;
        return Ticket{*free, task.generation};
    }

    /// What is at a place that there is.
    [[nodiscard]] Task& at(std::uint32_t slot) noexcept {
        const auto block = static_cast<unsigned>(std::bit_width(slot / first_block));
        const std::uint32_t before = block == 0 ? 0 : first_block << (block - 1);
        return blocks_[block].load(std::memory_order_acquire)[slot - before];
    }

    /// The task, if it is not answered yet.
    [[nodiscard]] Task* find(Ticket ticket) noexcept {
        if (ticket.slot >= limit_) return nullptr;
        Task& task = at(ticket.slot);
        const bool is_there = task.is_taken.load(std::memory_order_acquire) &&
                              task.generation == ticket.generation;
        return is_there ? &task : nullptr;
    }

    /// Where it stands.
    [[nodiscard]] TaskState state(std::uint32_t slot) noexcept {
        return TaskState{memory_.slot(slot).state.load()};
    }

    /// When a worker has begun it, in nanoseconds of the steady clock; 0 if none has, or
    /// if it was not told to say.
    [[nodiscard]] std::int64_t started(std::uint32_t slot) noexcept {
        return memory_.slot(slot).started;
    }

    /// Withdraws a task. @return Whether it could be: no worker has begun it.
    [[nodiscard]] bool withdraw(Ticket ticket) noexcept {
        return memory_.slot(ticket.slot)
            .move({ticket.generation, TaskState::Phase::pending},
                  {ticket.generation, TaskState::Phase::withdrawn});
    }

    /// Withdraws a task that a worker has begun. @return The number of the worker, which
    /// from now on sends no result; 0 if none is at it.
    [[nodiscard]] std::uint32_t stop(Ticket ticket) noexcept {
        const TaskState now = state(ticket.slot);
        if (now.generation() != ticket.generation ||
            now.phase() != TaskState::Phase::running) {
            return 0;
        }
        const TaskState after{ticket.generation, TaskState::Phase::withdrawn,
                              now.worker()};
        return memory_.slot(ticket.slot).move(now, after) ? now.worker() : 0;
    }

    /// The ticket that a task will have when it is renewed.
    [[nodiscard]] Ticket next_ticket(std::uint32_t slot) noexcept {
        return {slot, generation_after(at(slot).generation)};
    }

    /// Has a task that was lost begun anew, under `next_ticket`.
    void renew(std::uint32_t slot) noexcept { set_pending(slot, at(slot)); }

    /// Forgets a task: it has been answered. @return Its job.
    std::shared_ptr<Job> release(std::uint32_t slot) noexcept {
        Task& task = at(slot);
        std::shared_ptr<Job> job = std::move(task.job);
        task.call = Bytes{};
        task.is_taken.store(false, std::memory_order_release);
        --count_;
        return job;
    }

    /// Calls `visit(slot, task)` for each task that `choose(state)` says yes to. It may
    /// release it.
    template <class Choose, class Visit>
    void for_each(Choose choose, Visit visit) {
        for (std::uint32_t slot = 0; slot < limit_; ++slot) {
            Task& task = at(slot);
            if (!task.is_taken.load(std::memory_order_acquire)) continue;
            if (choose(state(slot))) visit(slot, task);
        }
    }

private:
    /// How many places there are at first: few, since to make them is part of making a
    /// pool. Each further block has as many as there are before it.
    static constexpr std::uint32_t first_block = 64;
    static constexpr std::uint32_t most = PoolMemory::most_tasks;

    [[nodiscard]] static std::uint32_t generation_after(std::uint32_t last) noexcept {
        return (last + 1) & TaskState::generation_mask;
    }

    void set_pending(std::uint32_t slot, Task& task) noexcept {
        task.generation = generation_after(task.generation);
        TaskSlot& shared = memory_.slot(slot);
        shared.started = 0;
        shared.state = TaskState{task.generation, TaskState::Phase::pending}.word();
    }

    /// Places are taken in turn, and there are at least twice as many as are in use: so
    /// one of the next few is free.
    [[nodiscard]] std::optional<std::uint32_t> find_free() {
        if (count_ == most) return std::nullopt;
        if (count_ >= limit_ / 2 && limit_ < most) {
            const std::uint32_t more = std::max(limit_.load(), first_block);
            blocks_[static_cast<unsigned>(std::bit_width(limit_ / first_block))] =
                new Task[more];
            last_ = limit_ - 1;
            limit_ += more;
        }
        for (;;) {
            last_ = last_ + 1 >= limit_ ? 0 : last_ + 1;
            if (!at(last_).is_taken.load(std::memory_order_acquire)) return last_;
        }
    }

    PoolMemory& memory_;
    std::array<std::atomic<Task*>, std::bit_width(most / first_block)> blocks_{};
    std::atomic<std::uint32_t> limit_ = 0;  ///< how many places there are by now
    std::atomic<std::size_t> count_ = 0;
    std::uint32_t last_ = 0;
};

}  // namespace pyproc::multiprocessing::detail
