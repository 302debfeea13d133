// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>

#include "pyproc/multiprocessing/queue_memory.hpp"
#include "pyproc/multiprocessing/ring.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/mapping.hpp"
#include "pyproc/posix/platform_ipc.hpp"
#include "pyproc/posix/relax.hpp"

namespace pyproc::multiprocessing::detail {

/// Where a task stands. The one word that decides what becomes of it: whoever changes it
/// does so by a compare-and-exchange.
class TaskState {
public:
    enum class Phase : std::uint64_t {
        pending,    ///< nobody has begun it
        running,    ///< a worker has
        done,       ///< that worker has made the call, and is about to send the result
        withdrawn,  ///< nobody is to begin it, or to send a result
    };

    using Word = std::uint64_t;

    constexpr TaskState(std::uint32_t generation, Phase phase,
                        std::uint32_t worker = 0) noexcept
        : word_{(static_cast<Word>(phase) << 62U) |
                ((Word{generation} & generation_mask) << 32U) | worker} {}
    explicit constexpr TaskState(Word word) noexcept : word_{word} {}

    [[nodiscard]] constexpr Word word() const noexcept { return word_; }
    [[nodiscard]] constexpr Phase phase() const noexcept {
        return static_cast<Phase>(word_ >> 62U);
    }
    [[nodiscard]] constexpr std::uint32_t generation() const noexcept {
        return static_cast<std::uint32_t>(word_ >> 32U) & generation_mask;
    }
    /// The number of the worker that has begun it; 0 if none has.
    [[nodiscard]] constexpr std::uint32_t worker() const noexcept {
        return static_cast<std::uint32_t>(word_);
    }

    static constexpr std::uint32_t generation_mask = (std::uint32_t{1} << 30U) - 1;

private:
    Word word_;
};

/// The part of a task that its pool and the workers share.
struct TaskSlot {
    std::atomic<TaskState::Word> state;

    /// When it was begun, in nanoseconds of the steady clock, if somebody wants to know.
    std::atomic<std::int64_t> started;

    /// Moves it on. @return Whether it stood where it was thought to.
    bool move(TaskState from, TaskState to) noexcept {
        TaskState::Word word = from.word();
        return state.compare_exchange_strong(word, to.word());
    }
};

/// Before a call on its way to a worker.
struct CallHead {
    std::uint32_t slot;
    std::uint32_t generation;
    TaskCode code;
    bool is_timed;
};

/// Before a result on its way back.
struct ResultHead {
    enum class Kind : std::uint32_t {
        value,
        exception,
        no_start,  ///< of no task: the initializer has thrown, and this is what
    };

    std::uint32_t slot;
    std::uint32_t generation;
    Kind kind;
};

/// What a pool and its workers share: two queues, the states of the tasks, and the bells
/// by which they wake each other.
///
/// Nobody sleeps holding a lock, so no death can keep anybody from working. Who is woken
/// by whom:
///
/// - A worker that finds no call says that it sleeps, looks again, and sleeps. The pool,
///   when it has put in a call, wakes one that says so. If that one dies, the pool wakes
///   the others.
/// - The pool's collector does the same with results, and a worker that has put one in
///   wakes it. If the worker dies before that, maybe when it has taken it upon itself to
///   wake the collector and so no other will, the pool, which learns of each death, does.
class PoolMemory {
public:
    /// A place for a worker; the next in the place takes it over.
    struct alignas(64) Desk {
        posix::platform::FutexWord bell;
        std::atomic<std::uint32_t> is_ready;  ///< whether its initializer has returned
    };

    static constexpr std::uint32_t most_tasks = std::uint32_t{1} << 24U;

    /// @throws OSError  ENOMEM.
    explicit PoolMemory(unsigned desk_count)
        : desk_count_{desk_count},
          control_{posix::map_shared(sizeof(Control) + sizeof(Desk) * desk_count +
                                     sizeof(Word) * word_count())
                       .or_throw("mmap")},
          slots_{posix::map_shared(sizeof(TaskSlot) * std::size_t{most_tasks})
                     .or_throw("mmap")},
          shared_{*::new (control_.data()) Control},
          calls_{Ring::make_in(calls_memory_.mapping(), 0)},
          results_{Ring::make_in(results_memory_.mapping(), 0)} {}
    PoolMemory(const PoolMemory&) = delete;
    PoolMemory& operator=(const PoolMemory&) = delete;

    [[nodiscard]] unsigned desk_count() const noexcept { return desk_count_; }
    [[nodiscard]] Ring& calls() noexcept { return calls_; }
    [[nodiscard]] Ring& results() noexcept { return results_; }

    [[nodiscard]] TaskSlot& slot(std::uint32_t number) noexcept {
        return static_cast<TaskSlot*>(slots_.data())[number];
    }
    [[nodiscard]] Desk& desk(unsigned number) noexcept {
        auto* const first = control_.bytes() + sizeof(Control);
        return reinterpret_cast<Desk*>(first)[number];
    }

    /// Whether the workers are to leave as soon as there is no call.
    [[nodiscard]] bool is_closing() const noexcept { return shared_.is_closing != 0; }

    /// Has the workers leave as soon as there is no call.
    void close() noexcept {
        shared_.is_closing = 1;
        wake_all_workers();
    }

    /// For a worker that has found no call: sleeps until there may be one, but not beyond
    /// the deadline.
    void sleep_at(unsigned number, posix::Deadline deadline) noexcept {
        Desk& mine = desk(number);
        const std::uint32_t bell = mine.bell;
        asleep(number) |= bit(number);
        if (calls_.is_empty() && !is_closing()) {
            posix::platform::futex_wait(mine.bell, bell, deadline);
        }
        asleep(number) &= ~bit(number);
    }

    /// For the pool, when it has put in a call: wakes a worker, if one sleeps.
    void wake_a_worker() noexcept {
        // What was put in must be seen by who is not seen to sleep.
        posix::full_fence();
        for (unsigned first = 0; first < desk_count_; first += bits) {
            while (const Word sleepers = asleep(first).load(std::memory_order_relaxed)) {
                // Else it has woken up, or another thread wakes it, for another call.
                if (wake(first + static_cast<unsigned>(__builtin_ctzll(sleepers))))
                    return;
            }
        }
    }

    void wake_all_workers() noexcept {
        for (unsigned number = 0; number < desk_count_; ++number) wake(number);
    }

    /// For the pool's collector, when it has found no result: sleeps until there may be
    /// one. After a while the queues' memory is given back.
    ///
    /// @param is_over  Asked after it has been said that the collector sleeps.
    template <class IsOver>
    void sleep_for_results(IsOver is_over) noexcept {
        const std::uint32_t bell = shared_.collector_bell;
        shared_.is_collector_asleep = 1;
        if (results_.is_empty() && !is_over()) {
            const auto idle = posix::Deadline::after(idle_after);
            posix::platform::futex_wait(shared_.collector_bell, bell, idle);
            if (idle.has_passed()) {
                calls_.trim();
                results_.trim();
                posix::platform::futex_wait(shared_.collector_bell, bell,
                                            posix::Deadline{});
            }
        }
        shared_.is_collector_asleep = 0;
    }

    /// For a worker, when it has put in a result: wakes the collector if it sleeps.
    void wake_collector_if_asleep() noexcept {
        posix::full_fence();
        if (shared_.is_collector_asleep.load(std::memory_order_relaxed) == 0) return;
        if (shared_.is_collector_asleep.exchange(0) != 0) wake_collector();
    }

    void wake_collector() noexcept {
        ++shared_.collector_bell;
        posix::platform::futex_wake(shared_.collector_bell);
    }

private:
    using Word = std::uint64_t;
    static constexpr unsigned bits = 64;
    static constexpr std::chrono::milliseconds idle_after{1000};

    struct Control {
        posix::platform::FutexWord is_closing{0};
        alignas(64) posix::platform::FutexWord collector_bell{0};
        posix::platform::FutexWord is_collector_asleep{0};
    };

    [[nodiscard]] std::size_t word_count() const noexcept {
        return (desk_count_ + bits - 1) / bits;
    }
    [[nodiscard]] static Word bit(unsigned number) noexcept {
        return Word{1} << (number % bits);
    }
    /// The word with the bits of those that sleep, among them this one's.
    [[nodiscard]] std::atomic<Word>& asleep(unsigned number) noexcept {
        auto* const first =
            control_.bytes() + sizeof(Control) + sizeof(Desk) * desk_count_;
        return reinterpret_cast<std::atomic<Word>*>(first)[number / bits];
    }

    /// @return Whether it has said that it sleeps, and nobody else has woken it.
    bool wake(unsigned number) noexcept {
        const bool is_asleep =
            (asleep(number).fetch_and(~bit(number)) & bit(number)) != 0;
        Desk& sleeper = desk(number);
        ++sleeper.bell;
        posix::platform::futex_wake(sleeper.bell);
        return is_asleep;
    }

    const unsigned desk_count_;
    posix::Mapping control_;
    posix::Mapping slots_;
    QueueMemory calls_memory_;
    QueueMemory results_memory_;
    Control& shared_;
    Ring& calls_;
    Ring& results_;
};

}  // namespace pyproc::multiprocessing::detail
