// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <utility>

#include "pyproc/mpi/call.hpp"
#include "pyproc/mpi/messenger.hpp"
#include "pyproc/mpi/rank_loads.hpp"
#include "pyproc/mpi/task_list.hpp"
#include "pyproc/mpi/world.hpp"
#include "pyproc/multiprocessing/code_address.hpp"

namespace pyproc::mpi::detail {

/// A call that each rank makes before any other; none if `code` is 0.
struct StartCall {
    multiprocessing::detail::CodeOffset code = 0;
    Bytes bytes = {};
};

/// The ranks that serve, as rank 0 sees them: sends them the tasks of a list, and gives
/// the jobs of these the answers.
///
/// Threads: one at a time.
class Ranks {
public:
    explicit Ranks(World& world)
        : world_{world}, loads_{static_cast<std::size_t>(world.size) - 1} {}

    /// How many answers are to come.
    [[nodiscard]] std::size_t in_flight() const noexcept { return loads_.in_flight(); }

    /// Whether some rank has nothing to do.
    [[nodiscard]] bool has_idle() const noexcept { return loads_.has_idle(); }

    /// Has each forget what was before, and make a call. An answer to it is to come, too,
    /// and until then it gets no task: what is large may be overtaken.
    void start(const StartCall& call) {
        const RecordHead head{.kind = RecordHead::Kind::start, .code = call.code};
        const auto shared = std::make_shared<const Bytes>(call.bytes);
        for (int number = 1; number < world_.size; ++number) {
            if (Messenger::fits(shared->size())) {
                Bytes frame = world_.messenger.fresh_frame();
                append_record(frame, head, *shared);
                world_.messenger.send(number, std::move(frame));
            } else {
                world_.messenger.send_apart(number, head, shared);
            }
            loads_.start(static_cast<std::size_t>(number) - 1);
        }
    }

    /// Takes in what has come, and sends tasks after it.
    ///
    /// @param on_failed_start  Called with a rank and with what the call at the start has
    ///                         thrown there.
    /// @return Whether there was anything.
    template <class OnFailedStart>
    bool progress(TaskList& tasks, OnFailedStart on_failed_start) {
        if (loads_.in_flight() == 0) return false;
        const bool is_any = world_.messenger.receive(
            [&](int number, const RecordHead* alone, Bytes bytes) {
                RecordReader reader{alone, bytes};
                while (reader.next()) {
                    const RecordHead& head = reader.head();
                    if (head.kind == RecordHead::Kind::no_start) {
                        on_failed_start(number, exception_of(reader.body()));
                    }
                    settle(tasks, static_cast<std::size_t>(number) - 1, reader);
                }
                world_.messenger.recycle(std::move(bytes));
            });
        if (is_any) send(tasks);
        return is_any;
    }

    /// Sends tasks to the ranks that have the least to do.
    void send(TaskList& tasks) {
        while (tasks.pending() > 0) {
            const auto [rank, count] = loads_.share(tasks.pending());
            if (count == 0) return;
            send_to(rank, count, tasks);
        }
    }

private:
    void send_to(std::size_t rank, std::size_t count, TaskList& tasks) {
        Messenger& messenger = world_.messenger;
        const int number = static_cast<int>(rank) + 1;
        Bytes frame = messenger.fresh_frame();
        std::size_t sent = 0;
        for (; sent < count && tasks.pending() > 0; ++sent) {
            const std::uint32_t slot = tasks.next_pending();
            RankTask& task = tasks.at(slot);
            const bool is_apart = !Messenger::fits(task.size());
            if (!is_apart && !Messenger::fits(frame.size() + task.size())) break;
            const RecordHead head{.kind = RecordHead::Kind::call,
                                  .slot = slot,
                                  .generation = task.generation,
                                  .code = task.code};
            if (is_apart) {
                messenger.send_apart(number, head, task.shared_call());
            } else {
                append_record(frame, head, task.call);
            }
            tasks.mark_sent(slot);
        }
        loads_.add(rank, sent);
        if (frame.empty()) {
            messenger.recycle(std::move(frame));
        } else {
            messenger.send(number, std::move(frame));
        }
    }

    /// Takes in one record of a rank.
    void settle(TaskList& tasks, std::size_t rank, const RecordReader& reader) {
        using Kind = RecordHead::Kind;
        const RecordHead& head = reader.head();
        if (head.kind == Kind::spent) return loads_.measure(head.slot, head.code);
        // It may have been given up since.
        const bool is_awaited = tasks.find({head.slot, head.generation}) != nullptr;
        if (head.kind == Kind::give_back) {
            loads_.give_back(rank);
            if (is_awaited) tasks.mark_given_back(head.slot);
            return;
        }
        loads_.answer(rank);
        if (!is_awaited) return;
        if (reader.is_lost()) {
            tasks.fail(head.slot, std::make_exception_ptr(std::bad_alloc{}));
        } else if (head.kind == Kind::value) {
            tasks.deliver(head.slot, reader.body());
        } else if (head.kind == Kind::exception) {
            tasks.fail(head.slot, exception_of(reader.body()));
        }
    }

    World& world_;
    RankLoads loads_;
};

}  // namespace pyproc::mpi::detail
