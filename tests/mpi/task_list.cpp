// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/task_list.hpp"

#include <memory>
#include <vector>

#include "support/catch.hpp"

using pyproc::mpi::detail::Bytes;
using pyproc::mpi::detail::RankTask;
using pyproc::mpi::detail::TaskList;

namespace {

/// Is never asked for anything.
class Nobody final : public pyproc::multiprocessing::detail::Job {
public:
    Nobody() : Job{nullptr} {}
    bool deliver(std::size_t, std::span<const std::byte>) override { return true; }
    bool fail(std::size_t, const std::exception_ptr&) noexcept override { return true; }
    void finish() noexcept override {}
};

const auto job = std::make_shared<Nobody>();

auto add(TaskList& tasks, std::size_t index) {
    return tasks.add(job, index, 1, Bytes(index));
}

}  // namespace

TEST_CASE("tasks wait in the order in which they were added") {
    TaskList tasks;
    for (std::size_t i = 0; i < 3; ++i) static_cast<void>(add(tasks, i));
    CHECK(tasks.pending() == 3);

    for (std::size_t i = 0; i < 3; ++i) {
        const auto slot = tasks.next_pending();
        CHECK(tasks.at(slot).index == i);
        tasks.mark_sent(slot);
    }

    CHECK(tasks.pending() == 0);
}

TEST_CASE("a task that is withdrawn is passed over, and not found any more") {
    TaskList tasks;
    const auto first = add(tasks, 0);
    static_cast<void>(add(tasks, 1));

    CHECK(tasks.release(first.slot) == job);

    CHECK(tasks.find(first) == nullptr);
    CHECK_FALSE(tasks.is(first, RankTask::State::pending));
    CHECK(tasks.pending() == 1);
    CHECK(tasks.at(tasks.next_pending()).index == 1);
}

TEST_CASE("a place that is taken again goes by another ticket") {
    TaskList tasks;
    const auto before = add(tasks, 0);
    static_cast<void>(tasks.release(before.slot));

    const auto after = add(tasks, 1);

    CHECK(after.slot == before.slot);
    CHECK(tasks.find(before) == nullptr);
    REQUIRE(tasks.find(after) != nullptr);
    CHECK(tasks.find(after)->index == 1);
    CHECK(tasks.next_pending() == after.slot);
}

TEST_CASE("a task that is given back is the next, under the same ticket") {
    TaskList tasks;
    const auto first = add(tasks, 0);
    static_cast<void>(add(tasks, 1));
    tasks.mark_sent(tasks.next_pending());
    CHECK(tasks.find(first)->state == RankTask::State::sent);

    tasks.mark_given_back(first.slot);

    CHECK(tasks.pending() == 2);
    CHECK(tasks.next_pending() == first.slot);
    CHECK(tasks.find(first)->state == RankTask::State::pending);
}

TEST_CASE("a large call is still there after it has been shared") {
    TaskList tasks;
    const auto ticket = add(tasks, 100'000);
    RankTask& task = tasks.at(ticket.slot);

    const auto call = task.shared_call();

    CHECK(call->size() == 100'000);
    CHECK(task.size() == 100'000);
    CHECK(task.shared_call() == call);
}

TEST_CASE("for_each: each task is visited, and may be released") {
    TaskList tasks;
    for (std::size_t i = 0; i < 5; ++i) static_cast<void>(add(tasks, i));
    std::vector<std::size_t> seen;

    tasks.for_each([&](std::uint32_t slot, const RankTask& task) {
        seen.push_back(task.index);
        static_cast<void>(tasks.release(slot));
    });

    CHECK(seen.size() == 5);
    CHECK(tasks.pending() == 0);
    tasks.for_each([&](std::uint32_t, const RankTask&) { seen.clear(); });
    CHECK(seen.size() == 5);
}
