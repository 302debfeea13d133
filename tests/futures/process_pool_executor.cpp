// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/process_pool_executor.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::futures;
using namespace std::chrono_literals;
using multiprocessing::Process;
using multiprocessing::SystemExit;
using test::long_enough;
using test::numbers;
using test::squares;

namespace {

std::string failure_of(const auto& future) {
    return test::thrown_by([&] { static_cast<void>(future.result(long_enough)); });
}

int fork_and_wait(int n) {
    Process process([n] { throw SystemExit{n}; });
    process.start();
    process.join();
    return *process.exitcode();
}

}  // namespace

TEST_CASE("ProcessPoolExecutor: its destructor waits until all calls have been made") {
    std::vector<Future<int>> futures;
    {
        ProcessPoolExecutor executor(2);
        for (int i = 0; i < 50; ++i) futures.push_back(executor.submit(test::square, i));
    }

    for (int i = 0; i < 50; ++i) {
        REQUIRE(futures[static_cast<std::size_t>(i)].done());
        CHECK(futures[static_cast<std::size_t>(i)].result() == i * i);
    }
    CHECK(multiprocessing::active_children().empty());
}

TEST_CASE("ProcessPoolExecutor: once it is shut down it takes no more calls") {
    ProcessPoolExecutor executor(1);
    const auto future = executor.submit(test::square, 2);
    executor.shutdown(false);

    CHECK(test::thrown_by([&] { executor.submit(test::square, 1); }) ==
          "cannot schedule new futures after shutdown");
    CHECK(test::thrown_by([&] {
              static_cast<void>(executor.map(test::square, numbers(1)));
          }) == "cannot schedule new futures after shutdown");
    CHECK(future.result(long_enough) == 4);
    executor.shutdown();
    executor.shutdown();
    CHECK(executor.pids().empty());
}

TEST_CASE("ProcessPoolExecutor: shutdown may cancel what no worker has begun") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto running = executor.submit([] {
        test::channel->tell("begun");
        while (test::channel->hear() != "go") test::channel->tell("begun");
        return 5;
    });
    REQUIRE(test::comes_about([&] { return running.running(); }));
    const auto waiting = executor.submit(test::square, 2);

    executor.shutdown(false, true);
    CHECK(waiting.cancelled());
    CHECK_THROWS_AS(waiting.result(), CancelledError);
    channel->tell("go");
    executor.shutdown();

    CHECK(running.result() == 5);
}

TEST_CASE(
    "ProcessPoolExecutor: when a worker dies all calls fail, and it takes no more") {
    const test::OpenChannel begun;
    ProcessPoolExecutor executor(2);
    const auto running = executor.submit(test::begin_and_never_end);
    begun->await();
    const auto dying = executor.submit(test::die, SIGSEGV);
    const auto waiting = executor.submit(test::begin_and_never_end);

    for (const auto& text :
         {failure_of(dying), failure_of(running), failure_of(waiting)}) {
        CHECK_THAT(text,
                   test::StartsWith("A process in the process pool was terminated "
                                    "abruptly while the future was running or pending"));
        CHECK_THAT(text, test::Contains("SIGSEGV"));
    }
    CHECK_THROWS_AS(dying.result(), BrokenProcessPool);
    CHECK_THROWS_AS(executor.submit(test::square, 1), BrokenProcessPool);
}

TEST_CASE("ProcessPoolExecutor: the destructor of a broken one leaves no worker behind") {
    for (int round = 0; round < 5; ++round) {
        const auto before = test::open_descriptors();
        {
            ProcessPoolExecutor executor(3);
            CHECK_THROWS_AS(executor.submit(test::die, SIGKILL).result(),
                            BrokenProcessPool);
        }
        CHECK(multiprocessing::active_children().empty());
        CHECK(test::open_descriptors() == before);
    }
}

TEST_CASE("ProcessPoolExecutor: a worker that is idle and killed breaks it, too") {
    ProcessPoolExecutor executor(1);
    executor.submit(test::square, 1).result();
    ::kill(executor.pids().front(), SIGKILL);

    CHECK(test::comes_about([&] {
        return test::thrown_by([&] { executor.submit(test::square, 1).result(); }) !=
               "nothing";
    }));
}

TEST_CASE(
    "ProcessPoolExecutor: one that replaces workers loses but the call of the dead") {
    const test::OpenChannel begun;
    ProcessPoolExecutor executor({.max_workers = 2, .replace_workers = true});
    const auto dying = executor.submit(test::die, SIGKILL);
    const auto fine = executor.submit(test::square, 4);

    CHECK_THROWS_AS(dying.result(long_enough), WorkerDied);
    CHECK(fine.result(long_enough) == 16);
    CHECK(executor.submit(test::square, 5).result(long_enough) == 25);
    begun->tell();
    const auto anew = executor.submit({.retries = 1}, [] {
        if (test::is_ready(test::channel->read_end())) {
            test::channel->await();
            test::die(SIGKILL);
        }
        return 6;
    });
    CHECK(anew.result(long_enough) == 6);
}

TEST_CASE("ProcessPoolExecutor: a call that exits, even with 0, is a death") {
    ProcessPoolExecutor executor(1);

    CHECK_THROWS_AS(executor.submit([] { std::exit(0); }).result(long_enough),
                    BrokenProcessPool);
}

TEST_CASE("ProcessPoolExecutor: to stop a call does not break it") {
    const test::OpenChannel begun;
    ProcessPoolExecutor executor(1);

    for (int round = 0; round < 5; ++round) {
        const auto future = executor.submit(test::begin_and_never_end);
        begun->await();
        CHECK(future.stop());
        CHECK(executor.submit(test::square, round).result(long_enough) == round * round);
    }
    CHECK_THROWS_AS(executor.submit({.timeout = 5ms}, [] { ::pause(); }).result(),
                    TaskTimeout);
    CHECK(executor.submit(test::square, 2).result(long_enough) == 4);
}

TEST_CASE("ProcessPoolExecutor: an initializer that throws breaks it, and says what") {
    ProcessPoolExecutor executor(
        {.initializer = [] { throw std::runtime_error{"no licence"}; },
         .max_workers = 2});

    std::string told;
    try {
        told = failure_of(executor.submit(test::square, 1));
    } catch (const BrokenProcessPool& error) {
        told = error.what();
    }
    CHECK_THAT(told, test::Contains("no licence"));
}

TEST_CASE(
    "ProcessPoolExecutor: workers are replaced after as many calls as they may make") {
    ProcessPoolExecutor executor({.max_tasks_per_child = 1, .max_workers = 2});
    std::vector<int> all;

    for (const int n : executor.map(test::square, numbers(60))) all.push_back(n);

    CHECK(all == squares(60));
}

TEST_CASE("ProcessPoolExecutor: its workers may have children of their own") {
    ProcessPoolExecutor executor(1);

    CHECK(executor.submit(fork_and_wait, 7).result() == 7);
}

TEST_CASE("ProcessPoolExecutor: fewer than one worker, or call of one, is refused") {
    CHECK_THROWS_AS(ProcessPoolExecutor(0), ValueError);
    CHECK_THROWS_AS(ProcessPoolExecutor(-1), ValueError);
    CHECK_THROWS_AS(ProcessPoolExecutor({.max_tasks_per_child = 0, .max_workers = 1}),
                    ValueError);
}

TEST_CASE("ProcessPoolExecutor: one that has been moved from says so") {
    ProcessPoolExecutor first(1);
    ProcessPoolExecutor second{std::move(first)};

    CHECK_THROWS_AS(first.submit(test::square, 1), std::logic_error);
    CHECK_THROWS_AS(first.shutdown(), std::logic_error);
    CHECK_THROWS_AS(first.pids(), std::logic_error);
    CHECK(second.submit(test::square, 2).result() == 4);
    first = std::move(second);
    CHECK(first.submit(test::square, 3).result() == 9);
}

TEST_CASE("ProcessPoolExecutor: at the end of the program all calls have been made") {
    for (const bool is_static : {true, false}) {
        test::Channel told;
        test::channel = &told;
        const int code = test::forked([is_static] {
            const auto call = [](int n) {
                std::this_thread::sleep_for(1ms);
                test::channel->tell();
                return n;
            };
            if (is_static) {
                static ProcessPoolExecutor executor(2);
                for (int i = 0; i < 10; ++i) executor.submit(call, i);
                std::exit(0);
            }
            auto* const executor = new ProcessPoolExecutor(2);
            for (int i = 0; i < 10; ++i) executor->submit(call, i);
            executor->shutdown(false);
            std::exit(0);
            return 1;
        });
        CHECK(code == 0);
        for (int i = 0; i < 10; ++i) told.await();
    }
}

TEST_CASE("ProcessPoolExecutor: one never shut down in a Process lets that end") {
    Process process([] {
        auto* const executor = new ProcessPoolExecutor(2);
        throw SystemExit{executor->submit(test::square, 3).result()};
    });
    process.start();
    process.join();

    CHECK(process.exitcode() == 9);
}

TEST_CASE("ProcessPoolExecutor: a callback may drop the last reference, and end it") {
    const auto before = test::open_descriptors();

    for (int round = 0; round < 20; ++round) {
        auto executor = std::make_shared<ProcessPoolExecutor>(1);
        std::atomic<bool> is_called = false;
        const auto future = executor->submit(test::square, 2);
        future.add_done_callback([&is_called, executor](const auto&) mutable {
            executor.reset();
            is_called = true;
        });
        executor.reset();
        CHECK(future.result(long_enough) == 4);
        CHECK(test::comes_about([&] { return is_called.load(); }));
    }

    // By threads of the executors' own, which nobody has joined.
    CHECK(test::comes_about([&] {
        return multiprocessing::active_children().empty() &&
               test::open_descriptors() == before;
    }));
}
