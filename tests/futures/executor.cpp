// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/executor.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <signal.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/futures/process_pool_executor.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::futures;
using namespace std::chrono_literals;
using test::long_enough;
using test::numbers;
using test::squares;

namespace {

int sleep_a_little(int microseconds) {
    std::this_thread::sleep_for(std::chrono::microseconds{microseconds});
    return microseconds;
}

/// Random operations on one executor after the other, all of whose futures must end.
///
/// @return What is wrong; empty if nothing is.
std::string play(unsigned seed, int operations) {
    std::minstd_rand random{seed};
    for (int done = 0; done < operations;) {
        const auto workers = static_cast<int>(1 + random() % 3);
        ProcessPoolExecutorOptions options{.max_workers = workers,
                                           .replace_workers = random() % 4 != 0};
        if (random() % 2 == 0)
            options.max_tasks_per_child = static_cast<int>(1 + random() % 5);
        std::vector<Future<int>> futures;
        {
            ProcessPoolExecutor executor{options};
            const auto length = static_cast<int>(50 + random() % 200);
            for (int i = 0; i < length; ++i, ++done) {
                try {
                    const auto what = random() % 100;
                    if (what < 70 || futures.empty()) {
                        CallOptions call{.retries = static_cast<unsigned>(random() % 3)};
                        if (random() % 8 == 0) call.timeout = 1ms * (random() % 3);
                        futures.push_back(executor.submit(
                            call, sleep_a_little, static_cast<int>(random() % 400)));
                    } else if (what < 80) {
                        futures[random() % futures.size()].cancel();
                    } else if (what < 88) {
                        futures[random() % futures.size()].stop();
                    } else if (what < 92) {
                        const auto pids = executor.pids();
                        if (!pids.empty()) ::kill(pids[random() % pids.size()], SIGKILL);
                    } else if (what < 96) {
                        auto results = executor.map(sleep_a_little, numbers(5));
                        if (random() % 2 == 0)
                            static_cast<void>(results.next(long_enough));
                    } else {
                        test::let_a_random_while_pass(random);
                    }
                } catch (const BrokenProcessPool&) {
                    break;
                } catch (const TaskTimeout&) {
                } catch (const WorkerDied&) {
                }
            }
            const auto are_all_done = [&] {
                return std::ranges::all_of(
                    futures, [](const auto& future) { return future.done(); });
            };
            if (random() % 2 == 0 &&
                !test::comes_about(are_all_done, test::longest_settling)) {
                return "not all futures end soon, seed " + std::to_string(seed) +
                       ", operation " + std::to_string(done);
            }
            if (random() % 3 == 0)
                executor.shutdown(random() % 2 == 0, random() % 2 == 0);
        }
        for (const auto& future : futures) {
            if (!test::comes_about([&] { return future.done(); })) {
                return "a future never ends, seed " + std::to_string(seed) +
                       ", operation " + std::to_string(done);
            }
        }
    }
    if (!test::comes_about([] { return multiprocessing::active_children().empty(); })) {
        return "a worker is left, seed " + std::to_string(seed);
    }
    return "";
}

}  // namespace

TEST_CASE("Executor: map gives results in order, of one range or several side by side") {
    ProcessPoolExecutor executor(2);
    const std::vector<std::string> names{"a", "b", "c"};
    std::vector<int> all;
    std::vector<std::string> zipped;

    for (const int n : executor.map({.chunksize = 3}, test::square, numbers(20))) {
        all.push_back(n);
    }
    const auto join = [](const std::string& name, int n) {
        return name + std::to_string(n);
    };
    for (const auto& text : executor.map(join, names, test::Counting{1})) {
        zipped.push_back(text);
    }

    CHECK(all == squares(20));
    CHECK(zipped == std::vector<std::string>{"a1", "b2", "c3"});
}

TEST_CASE("Executor: with a buffersize, map takes items only as results are taken") {
    ProcessPoolExecutor executor(2);
    int taken = 0;
    const test::Counting endless{0, std::numeric_limits<int>::max(), &taken};

    auto results = executor.map({.buffersize = 4}, test::square, endless);
    for (int i = 0; i < 10; ++i) {
        CHECK(results.next() == i * i);
        CHECK(taken <= i + 1 + 4);
    }
}

TEST_CASE("Executor: results of map that are dropped cancel what is not begun") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto first = executor.submit([] { test::channel->await(); });
    {
        auto results = executor.map(
            [](int n) {
                test::die(SIGKILL);
                return n;
            },
            numbers(100));
    }
    channel->tell();
    first.result();

    CHECK(executor.submit(test::square, 2).result(long_enough) == 4);
}

TEST_CASE("Executor: what map's calls throw comes in the place of their results") {
    ProcessPoolExecutor executor(1);
    auto results = executor.map(
        [](int n) {
            if (n == 0) throw std::range_error{"zero"};
            return n;
        },
        numbers(2));

    CHECK_THROWS_AS(results.next(), std::range_error);
    CHECK(results.next() == 1);
    CHECK_FALSE(results.next());
}

TEST_CASE(
    "Executor: a map that is not finished when it is shut down ends with an error") {
    ProcessPoolExecutor executor(1);
    auto results = executor.map({.buffersize = 1}, test::square, numbers(5));
    executor.shutdown();

    CHECK(results.next() == 0);
    CHECK(test::thrown_by([&] { static_cast<void>(results.next()); }) ==
          "cannot schedule new futures after shutdown");
    CHECK_FALSE(results.next());
}

TEST_CASE("Executor: a forked child that drops its copy of a map harms it not") {
    const test::OpenChannel channel;
    ProcessPoolExecutor executor(1);
    const auto first = executor.submit([] { test::channel->await(); });
    auto results = std::make_unique<decltype(executor.map(test::square, numbers(3)))>(
        executor.map(test::square, numbers(3)));

    const int code = test::forked([&] {
        results.reset();
        executor.shutdown(true, true);
        const ProcessPoolExecutor theirs{std::move(executor)};
        return 0;
    });
    channel->tell();

    CHECK(code == 0);
    CHECK(results->next(long_enough) == 0);
    CHECK(results->next(long_enough) == 1);
}

TEST_CASE(
    "Executor: whatever is submitted, cancelled, stopped, killed, recycled: all ends") {
    const auto before = test::open_descriptors();

    CHECK(play(1, test::rounds(1'500)) == "");

    CHECK(test::comes_about([&] { return test::open_descriptors() == before; }));
}
