// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/job.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <span>
#include <stdexcept>
#include <thread>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;

namespace {

struct CountingEngine : Engine {
    std::atomic<int> collected = 0;
    bool is_foreign = false;

    void collect() override { ++collected; }
    void require_own_process() const override {
        if (is_foreign) throw std::logic_error{"foreign"};
    }
    bool is_running(Ticket) override { return false; }
    bool withdraw(Ticket) override { return false; }
    bool stop(Ticket) override { return false; }
};

struct Flag : Job {
    using Job::Job;
    bool is_set = false;

    bool deliver(std::size_t, std::span<const std::byte>) override { return true; }
    bool fail(std::size_t, const std::exception_ptr&) noexcept override { return true; }
    void finish() noexcept override {
        {
            const std::lock_guard lock{mutex_};
            is_set = true;
        }
        notify_all();
        release_engine();
    }
    bool await(posix::Deadline deadline) {
        return wait_until(deadline, [this] { return is_set; });
    }
};

}  // namespace

TEST_CASE("Job: who waits for it helps to take in results first, and then sleeps") {
    const auto engine = std::make_shared<CountingEngine>();
    const auto job = std::make_shared<Flag>(engine);

    CHECK_FALSE(job->await(posix::Deadline::after(20ms)));
    CHECK(engine->collected > 0);
    std::thread finisher{[&] { job->finish(); }};
    CHECK(job->await({}));
    finisher.join();
    CHECK(job->await(posix::Deadline::after(0s)));
}

TEST_CASE("Job: one that is finished holds its engine no longer") {
    const auto engine = std::make_shared<CountingEngine>();
    const auto job = std::make_shared<Flag>(engine);

    job->finish();

    CHECK(job->engine() == nullptr);
    CHECK(engine.use_count() == 1);
}

TEST_CASE("Job: in a process that is not its own, only what is there can be waited for") {
    const auto engine = std::make_shared<CountingEngine>();
    engine->is_foreign = true;
    const auto job = std::make_shared<Flag>(engine);

    CHECK_THROWS_AS(job->await({}), std::logic_error);
    job->finish();
    CHECK(job->await({}));
}

TEST_CASE("Coding: it is known for which engines the thread is at it, nested or not") {
    CountingEngine one;
    CountingEngine other;
    CHECK_FALSE(Coding::is_for(&one));
    {
        const Coding outer{&one};
        {
            const Coding inner{&other};
            CHECK(Coding::is_for(&one));
            CHECK(Coding::is_for(&other));
            std::thread{[&] { CHECK_FALSE(Coding::is_for(&one)); }}.join();
        }
        CHECK(Coding::is_for(&one));
        CHECK_FALSE(Coding::is_for(&other));
    }
    CHECK_FALSE(Coding::is_for(&one));
}

TEST_CASE("JobTeller: it is waited until others have told, but not by who tells") {
    struct Slow : Flag {
        using Flag::Flag;
        JobTeller* teller = nullptr;
        std::atomic<bool> is_begun = false;
        std::atomic<bool> may_end = false;
        void finish() noexcept override {
            teller->await();
            is_begun = true;
            while (!may_end) std::this_thread::yield();
            Flag::finish();
        }
    };
    JobTeller teller;
    const auto job = std::make_shared<Slow>(std::make_shared<CountingEngine>());
    job->teller = &teller;
    std::mutex mutex;
    std::thread other{[&] {
        std::unique_lock lock{mutex};
        teller.tell({job}, lock);
    }};
    while (!job->is_begun) std::this_thread::yield();

    std::thread{[&] {
        const std::lock_guard lock{mutex};  // has been given up
        job->may_end = true;
    }}.join();
    teller.await();

    CHECK(job->is_set);
    other.join();
}
