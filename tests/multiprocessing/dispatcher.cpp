// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/dispatcher.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "multiprocessing/tasks.hpp"
#include "pyproc/multiprocessing/outcome.hpp"
#include "pyproc/multiprocessing/pool_errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/replaced_new.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::detail;

namespace {

/// How many more allocations this thread is granted; less than 0 for any number.
[[maybe_unused]] thread_local int allocations_left = -1;

}  // namespace

bool test::is_memory_refused(std::size_t /*size*/) {
    if (allocations_left <= 0) return allocations_left == 0;
    --allocations_left;
    return false;
}

namespace {

using Phase = TaskState::Phase;

/// A dispatcher whose worker is the test.
class Desk : public Dispatcher {
public:
    Desk() : Dispatcher{1, std::make_exception_ptr(ValueError{"closed"})} {}

    int nudges = 0;
    int watched = 0;

    /// Begins the next call that there is.
    std::optional<CallHead> begin(std::uint32_t worker = 1) {
        std::optional<CallHead> begun;
        const auto read = [&](std::span<const std::byte> message) {
            CallHead head{};
            std::memcpy(&head, message.data(), sizeof head);
            if (memory_.slot(head.slot).move({head.generation, Phase::pending},
                                             {head.generation, Phase::running, worker})) {
                begun = head;
            }
        };
        while (!begun && memory_.calls().try_get(read)) {
        }
        return begun;
    }
    void answer(const CallHead& call, int value) {
        const Bytes bytes = encode(value);
        const ResultHead head{call.slot, call.generation, ResultHead::Kind::value};
        static_cast<void>(memory_.results().put(
            sizeof head + bytes.size(),
            [&](std::span<std::byte> to) {
                std::memcpy(to.data(), &head, sizeof head);
                std::memcpy(to.data() + sizeof head, bytes.data(), bytes.size());
            },
            posix::Deadline{}));
    }
    void close() { is_closed_ = true; }
    [[nodiscard]] std::size_t count() { return table_.count(); }
    void await_callbacks() { teller_.await(); }

    bool stop(Ticket) override { return false; }

protected:
    void nudge() noexcept override { ++nudges; }
    void watch(Ticket, posix::Timeout) override { ++watched; }
};

struct Known : CallOutcome<int> {
    Known() : CallOutcome<int>{nullptr, Order::waiters_first} {}
    void posted(std::size_t, Ticket its) noexcept override { ticket = its; }
    Ticket ticket = {};
};

std::shared_ptr<Known> post(Desk& desk, TaskTerms terms = {}) {
    auto job = std::make_shared<Known>();
    desk.post(
        job, 0, [](std::span<const std::byte>, Bytes&) {}, 4,
        [](std::span<std::byte> to) { to[0] = std::byte{1}; }, terms);
    return job;
}

}  // namespace

TEST_CASE("Dispatcher: the answer to a task goes to its job") {
    Desk desk;
    const auto first = post(desk);
    const auto second = post(desk);
    const auto one = desk.begin();
    const auto two = desk.begin();
    REQUIRE((one && two));

    CHECK(desk.is_running(second->ticket));
    desk.answer(*two, 22);
    desk.answer(*one, 11);
    desk.collect();

    CHECK(first->value() == 11);
    CHECK(second->value() == 22);
    CHECK(desk.count() == 0);
}

TEST_CASE("Dispatcher: an answer that comes twice, or to none, is passed by") {
    Desk desk;
    const auto job = post(desk);
    const auto call = desk.begin();

    desk.answer(*call, 1);
    desk.answer(*call, 2);
    desk.answer({77'000, 3, nullptr, false}, 3);
    desk.collect();

    CHECK(job->value() == 1);
}

TEST_CASE("Dispatcher: a result that can't be read is the failure of its task") {
    Desk desk;
    const auto job = std::make_shared<CallOutcome<std::string>>(
        nullptr, CallOutcome<std::string>::Order::waiters_first);
    desk.post(
        job, 0, [](std::span<const std::byte>, Bytes&) {}, 0, [](std::span<std::byte>) {},
        {});

    desk.answer(*desk.begin(), 1'000'000);
    desk.collect();

    CHECK_THROWS_AS(job->value(), DecodeError);
}

TEST_CASE("Dispatcher: a task that is withdrawn is not begun, and its job told nothing") {
    Desk desk;
    const auto job = post(desk);

    CHECK(desk.withdraw(job->ticket));
    CHECK_FALSE(desk.withdraw(job->ticket));

    CHECK_FALSE(desk.begin());
    CHECK_FALSE(job->is_ready());
    CHECK(desk.count() == 0);
}

TEST_CASE("Dispatcher: withdraw_all fails what is not begun, and leaves the rest") {
    Desk desk;
    const auto begun = post(desk);
    const auto call = desk.begin();
    const auto waiting = post(desk);

    desk.withdraw_all(std::make_exception_ptr(PoolTerminated{}));

    CHECK_THROWS_AS(waiting->value(), PoolTerminated);
    CHECK_FALSE(begun->is_ready());
    desk.answer(*call, 4);
    desk.collect();
    CHECK(begun->value() == 4);
}

TEST_CASE("Dispatcher: when withdraw_all finds no memory, it has done nothing") {
    Desk desk;
    std::vector<std::shared_ptr<Known>> jobs;
    for (int i = 0; i < 5; ++i) jobs.push_back(post(desk));
    const auto failure = std::make_exception_ptr(PoolTerminated{});

    [[maybe_unused]] bool was_refused = false;
    for (int granted = 0; desk.count() != 0; ++granted) {
        allocations_left = granted;
        try {
            desk.withdraw_all(failure);
        } catch (const std::bad_alloc&) {
            was_refused = true;
        }
        allocations_left = -1;
        REQUIRE(granted < 10);
    }

#ifndef SANITIZED
    CHECK(was_refused);
#endif
    for (const auto& job : jobs) CHECK(job->is_ready());
}

TEST_CASE("Dispatcher: withdraw_tasks_of takes those of one job alone") {
    Desk desk;
    const auto first = post(desk);
    const auto second = post(desk);

    desk.withdraw_tasks_of(*first);

    CHECK(desk.count() == 1);
    CHECK(desk.begin()->slot == second->ticket.slot);
    CHECK(first.use_count() == 1);
}

TEST_CASE(
    "Dispatcher: one that is closed takes no task, and tells when the last is done") {
    Desk desk;
    const auto job = post(desk);
    desk.close();

    CHECK_THROWS_AS(post(desk), ValueError);
    CHECK_THROWS_AS(desk.require_accepting(), ValueError);
    CHECK(desk.nudges == 0);
    desk.answer(*desk.begin(), 1);
    desk.collect();

    CHECK(desk.nudges == 1);
    CHECK(job->is_ready());
}

TEST_CASE("Dispatcher: a task that can't be written, or is too large, leaves nothing") {
    Desk desk;
    const auto job = std::make_shared<Known>();
    const auto code = [](std::span<const std::byte>, Bytes&) {};

    CHECK_THROWS_AS(
        desk.post(job, 0, code, 4,
                  [](std::span<std::byte>) { throw std::runtime_error{"no"}; }, {}),
        std::runtime_error);
    CHECK_THROWS_AS(
        desk.post(job, 0, code, std::size_t{1} << 50U, [](std::span<std::byte>) {}, {}),
        ValueError);
    CHECK(desk.count() == 0);
    CHECK(job.use_count() == 1);
    CHECK_FALSE(desk.begin());
    post(desk, {.timeout = std::chrono::seconds{1}});
    CHECK(desk.watched == 1);
}

TEST_CASE("Dispatcher: what writes a call can't use it meanwhile, and is told so") {
    Desk desk;
    const auto job = std::make_shared<Known>();
    const auto code = [](std::span<const std::byte>, Bytes&) {};

    CHECK_THROWS_AS(
        desk.post(job, 0, code, 4, [&](std::span<std::byte>) { post(desk); }, {}),
        std::logic_error);

    CHECK(desk.count() == 0);
    CHECK_FALSE(desk.begin());
    post(desk);
    CHECK(desk.count() == 1);
}

TEST_CASE("Dispatcher: what reads a result can't use it meanwhile, and is told so") {
    struct Curious : Known {
        explicit Curious(Desk& its_desk) : desk{its_desk} {}
        bool deliver(std::size_t, std::span<const std::byte>) override {
            post(desk);
            return true;
        }
        Desk& desk;
    };
    Desk desk;
    const auto job = std::make_shared<Curious>(desk);
    desk.post(
        job, 0, [](std::span<const std::byte>, Bytes&) {}, 0, [](std::span<std::byte>) {},
        {});

    desk.answer(*desk.begin(), 1);
    desk.collect();

    CHECK(job->is_ready());
    CHECK_THROWS_AS(job->value(), std::logic_error);
    CHECK(desk.count() == 0);
    post(desk);
    CHECK(desk.count() == 1);
}

TEST_CASE("Dispatcher: a callback waits for those of another pool, not for its own") {
    Desk one;
    Desk other;
    std::atomic<bool> is_other_called = false;
    std::atomic<bool> is_other_over = false;
    std::atomic<bool> is_one_called = false;
    bool was_over = false;
    const auto first = post(one);
    first->call_when_done([&] {
        is_one_called = true;
        one.await_callbacks();
        other.await_callbacks();
        was_over = is_other_over;
    });
    const auto second = post(other);
    second->call_when_done([&] {
        is_other_called = true;
        CHECK(test::comes_about([&] { return is_one_called.load(); }));
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        is_other_over = true;
    });
    one.answer(*one.begin(), 1);
    other.answer(*other.begin(), 2);

    std::thread helper{[&] { other.collect(); }};
    CHECK(test::comes_about([&] { return is_other_called.load(); }));
    one.collect();
    helper.join();

    CHECK(was_over);
}

TEST_CASE("Dispatcher: a forked child neither posts nor withdraws") {
    Desk desk;
    const auto job = post(desk);

    const int answer = test::forked([&] {
        int refused = 0;
        const auto is_refused = [&](auto call) {
            try {
                call();
            } catch (const std::logic_error&) {
                ++refused;
            }
        };
        is_refused([&] { post(desk); });
        is_refused([&] { static_cast<void>(desk.withdraw(job->ticket)); });
        desk.withdraw_all(std::make_exception_ptr(PoolTerminated{}));
        desk.withdraw_tasks_of(*job);
        return refused;
    });

    CHECK(answer == 2);
    CHECK(desk.begin());
}
