// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/worker.hpp"

#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::detail;

namespace {

using Phase = TaskState::Phase;

constexpr std::uint32_t number = 9;

/// The memory of a pool, and what its pool would do.
struct Office {
    PoolMemory memory{1};

    void put(std::uint32_t slot, int (*function)(int), int argument) {
        using Call = PackedCall<int (*)(int), int>;
        const Call call{function, argument};
        memory.slot(slot).state = TaskState{1, Phase::pending}.word();
        const CallHead head{slot, 1, Call::run, true};
        static_cast<void>(memory.calls().put(
            sizeof head + call.size(),
            [&](std::span<std::byte> to) {
                std::memcpy(to.data(), &head, sizeof head);
                call.write(to.subspan(sizeof head));
            },
            posix::Deadline{}));
        memory.wake_a_worker();
    }

    test::Child hire(std::function<void()> initialize = {}, unsigned most_tasks = 0) {
        WorkerTerms terms{.number = number,
                          .most_tasks = most_tasks,
                          .parent = ::getpid(),
                          .blocked_signals = {}};
        ::pthread_sigmask(SIG_SETMASK, nullptr, &terms.blocked_signals);
        return test::Child{[this, terms, initialize] {
            try {
                Worker{memory, terms}.work(initialize);
            } catch (const SystemExit&) {
                return 33;
            }
            return 0;
        }};
    }

    /// The next result: its slot and value, or what was thrown.
    std::string result() {
        std::string text;
        const auto read = [&](std::span<const std::byte> message) {
            ResultHead head{};
            std::memcpy(&head, message.data(), sizeof head);
            const auto bytes = message.subspan(sizeof head);
            text = std::to_string(head.slot) + ": ";
            if (head.kind == ResultHead::Kind::value) {
                text += std::to_string(decode<int>(bytes));
                return;
            }
            if (head.kind == ResultHead::Kind::no_start) text = "no start: ";
            text +=
                test::thrown_by([&] { std::rethrow_exception(decode_exception(bytes)); });
        };
        static_cast<void>(
            memory.results().get(read, posix::Deadline::after(std::chrono::seconds{20})));
        return text;
    }

    TaskState state(std::uint32_t slot) {
        return TaskState{memory.slot(slot).state.load()};
    }
};

int fail(int n) {
    throw std::runtime_error{"failed " + std::to_string(n)};
}

int fork_and_go_on(int n) {
    const pid_t child = ::fork();
    if (child == 0) return -1;
    ::waitpid(child, nullptr, 0);
    return n;
}

int leave(int) {
    throw SystemExit{3};
}

}  // namespace

TEST_CASE("Worker: does what is there, in order, and leaves when its pool is closing") {
    Office office;
    office.put(3, test::square, 5);
    office.put(4, fail, 2);
    office.memory.close();

    auto worker = office.hire();

    CHECK(office.result() == "3: 25");
    CHECK(office.result() == "4: failed 2");
    CHECK(worker.result() == 0);
    CHECK(office.state(3).phase() == Phase::done);
    CHECK(office.state(3).worker() == number);
    CHECK(office.memory.slot(3).started > 0);
    CHECK(office.memory.desk(0).is_ready == 1);
}

TEST_CASE("Worker: waits for calls, and begins none that was withdrawn") {
    Office office;
    auto worker = office.hire();
    REQUIRE(test::comes_about([&] { return office.memory.desk(0).is_ready == 1; }));
    office.put(1, test::square, 2);
    CHECK(office.result() == "1: 4");
    worker.kill();

    office.put(2, test::square, 3);
    office.put(5, test::square, 4);
    office.memory.slot(2).state = TaskState{1, Phase::withdrawn}.word();
    office.memory.close();
    auto next = office.hire();

    CHECK(office.result() == "5: 16");
    CHECK(next.result() == 0);
}

TEST_CASE("Worker: makes way for another after as many tasks as it may do") {
    Office office;
    for (std::uint32_t slot = 0; slot < 3; ++slot) office.put(slot, test::square, 1);

    auto worker = office.hire({}, 2);

    CHECK(worker.result() == 0);
    CHECK(office.state(1).phase() == Phase::done);
    CHECK(office.state(2).phase() == Phase::pending);
}

TEST_CASE("Worker: tells of an initializer that throws, and does nothing") {
    Office office;
    office.put(1, test::square, 1);

    auto worker = office.hire([] { throw std::runtime_error{"not today"}; });

    CHECK(office.result() == "no start: not today");
    CHECK(worker.result() == 0);
    CHECK(office.memory.desk(0).is_ready == 0);
    CHECK(office.state(1).phase() == Phase::pending);
}

TEST_CASE("Worker: a child that a task forks does not work on, nor send a result") {
    Office office;
    office.put(1, fork_and_go_on, 8);
    office.memory.close();

    auto worker = office.hire();

    CHECK(office.result() == "1: 8");
    CHECK(worker.result() == 0);
    CHECK(office.memory.results().is_empty());
}

TEST_CASE("Worker: SystemExit leaves it, and its task is seen to have been begun") {
    Office office;
    office.put(1, leave, 0);

    auto worker = office.hire();

    CHECK(worker.result() == 33);
    CHECK(office.state(1).phase() == Phase::running);
    CHECK(office.state(1).worker() == number);
}

TEST_CASE("Worker: one whose task is withdrawn sends nothing, and waits to be killed") {
    Office office;
    const test::OpenChannel channel;
    office.put(
        1,
        [](int n) {
            test::channel->await();
            return n;
        },
        3);
    auto worker = office.hire();
    REQUIRE(test::comes_about([&] { return office.state(1).phase() == Phase::running; }));
    office.memory.slot(1).state = TaskState{1, Phase::withdrawn, number}.word();
    channel->tell();
    std::this_thread::sleep_for(std::chrono::milliseconds{20});

    CHECK(office.memory.results().is_empty());
    CHECK_FALSE(test::is_gone(worker.pid()));
}

TEST_CASE("Worker: leaves when its pool's process is gone") {
    Office office;
    test::Channel told;
    const test::Child pool{[&] {
        const test::Child worker = office.hire();
        told.tell(std::to_string(worker.pid()));
        for (;;) ::pause();
        return 0;
    }};
    const pid_t worker = std::stoi(told.hear());

    ::kill(pool.pid(), SIGKILL);

    CHECK(test::comes_about([&] { return test::is_gone(worker); }));
}
