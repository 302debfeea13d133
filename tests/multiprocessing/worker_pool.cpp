// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/worker_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <forward_list>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/multiprocessing/pool.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::long_enough;
using test::numbers;
using test::squares;

TEST_CASE("Pool: a worker that ignores SIGTERM is killed by terminate") {
    const test::OpenChannel begun;
    Pool pool(1);
    const auto running = pool.apply_async([] {
        std::signal(SIGTERM, SIG_IGN);
        return test::begin_and_never_end();
    });
    begun->await();

    pool.terminate();
    pool.join();

    CHECK_THROWS_AS(running.get(), PoolTerminated);
}

TEST_CASE("Pool: workers that all die in their initializer do not hang it") {
    Pool pool({.initializer = [] { ::_exit(3); }, .processes = 2});

    CHECK_THAT(test::thrown_by([&] { pool.apply(test::square, 1); }),
               test::Contains("ended with exit code 3"));
}

TEST_CASE("Pool: a worker that is killed fails its task alone, and is replaced") {
    const test::OpenChannel begun;
    Pool pool(2);
    const auto lost = pool.apply_async(test::begin_and_never_end);
    begun->await();
    const auto others = pool.map_async({.chunksize = 1}, test::square, numbers(50));
    static_cast<void>(others.get());

    for (const pid_t pid : pool.pids()) ::kill(pid, SIGKILL);
    try {
        static_cast<void>(lost.get(long_enough));
        FAIL("nothing was thrown");
    } catch (const WorkerDied& death) {
        CHECK(death.signal() == SIGKILL);
        CHECK(death.exitcode() == -SIGKILL);
        CHECK_THAT(death.what(), test::Contains("was killed by SIGKILL while it ran"));
    }

    CHECK(pool.apply(test::square, 3) == 9);
    CHECK(test::comes_about([&] { return pool.pids().size() == 2; }));
}

TEST_CASE("Pool: a task that crashes its worker is told with the signal") {
    Pool pool(1);

    for (const int signal : {SIGSEGV, SIGABRT, SIGKILL}) {
        try {
            pool.apply(test::die, signal);
            FAIL("nothing was thrown");
        } catch (const WorkerDied& death) {
            CHECK(death.signal() == signal);
        }
    }
    CHECK(pool.apply(test::square, 3) == 9);
}

TEST_CASE("Pool: a task that is to be begun anew survives as many deaths as it may") {
    const test::OpenChannel begun;
    Pool pool(1);
    const auto unlucky = [](int) {
        test::channel->tell();
        return test::die(SIGKILL);
    };

    CHECK_THROWS_AS(pool.apply({.retries = 2}, unlucky, 0), WorkerDied);
    for (int i = 0; i < 3; ++i) begun->await();
    CHECK_FALSE(test::is_ready(begun->read_end()));

    // One that succeeds at its second attempt.
    begun->tell();
    const auto second_time = [](int n) {
        if (test::is_ready(test::channel->read_end())) {
            test::channel->await();
            return test::die(SIGSEGV);
        }
        return n;
    };
    CHECK(pool.apply({.retries = 1}, second_time, 5) == 5);
    begun->tell();
    CHECK(pool.map({.chunksize = 4, .retries = 1}, second_time, numbers(8)) ==
          numbers(8));
}

TEST_CASE("Pool: when all workers die at once, it goes on with others") {
    Pool pool(4);

    for (int round = 0; round < 5; ++round) {
        const auto results =
            pool.map_async({.chunksize = 1, .retries = 10}, test::square, numbers(200));
        for (const pid_t pid : pool.pids()) ::kill(pid, SIGKILL);
        CHECK(results.get(long_enough) == squares(200));
    }
}

TEST_CASE("Pool: a task may fork, and its child come back into the worker's loop") {
    Pool pool(1);

    const int answer = pool.apply([] {
        const pid_t pid = ::fork();
        if (pid == 0) return -1;
        int status = 0;
        ::waitpid(pid, &status, 0);
        return WIFEXITED(status) ? WEXITSTATUS(status) : 99;
    });

    CHECK(answer == 0);
    CHECK(pool.map(
              {.chunksize = 1},
              [](int n) {
                  if (n == 2 && ::fork() == 0) throw std::runtime_error{"child"};
                  return n;
              },
              numbers(5)) == numbers(5));
}

TEST_CASE("Pool: a task that ends its process in any way fails with its exit code") {
    Pool pool(1);
    const auto end = [](int how) {
        if (how == 1) std::exit(1);
        if (how == 2) ::_exit(2);
        if (how == 3) throw SystemExit{3};
        ::pthread_exit(nullptr);
    };

    for (const int how : {1, 2, 3}) {
        try {
            pool.apply(end, how);
            FAIL("nothing was thrown");
        } catch (const WorkerDied& death) {
            CHECK(death.exitcode() == how);
            CHECK(death.signal() == 0);
        }
    }
    CHECK_THROWS_AS(pool.apply(end, 4), WorkerDied);
    CHECK_THROWS_AS(pool.map(end, std::vector{4}), WorkerDied);
    CHECK(pool.apply(test::square, 3) == 9);
}

TEST_CASE("Pool: a task may close all descriptors") {
    Pool pool(1);

    pool.apply([] {
        for (int fd = 0; fd < 1000; ++fd) ::close(fd);
    });

    CHECK(pool.apply(test::square, 3) == 9);
}

// The allocators of sanitizers end the process.
#ifndef SANITIZED
TEST_CASE("Pool: a task that runs out of memory fails with bad_alloc") {
    Pool pool(1);

    CHECK_THROWS_AS(pool.apply([] {
        const rlimit little{1 << 20, 1 << 20};
        ::setrlimit(RLIMIT_AS, &little);
        return std::vector<int>(100'000'000).size();
    }),
                    std::bad_alloc);
}
#endif

TEST_CASE(
    "Pool: a task that takes longer than it may fails, and its worker is replaced") {
    Pool pool(1);
    const pid_t before = pool.pids().front();

    CHECK_THROWS_AS(pool.apply({.timeout = 20ms}, [] { ::pause(); }), TaskTimeout);

    CHECK(pool.apply({.timeout = long_enough}, test::pid_of_worker, 0) != before);
    CHECK_THROWS_AS(pool.map(
                        {.chunksize = 1, .timeout = 20ms},
                        [](int n) {
                            if (n == 3) ::pause();
                            return n;
                        },
                        numbers(6)),
                    TaskTimeout);
}

TEST_CASE("Pool: the time of a task begins when a worker does") {
    const test::OpenChannel go;
    Pool pool(1);
    const auto first = pool.apply_async([] { test::channel->await(); });
    const auto second = pool.apply_async({.timeout = 1ms}, test::pid_of_worker, 0);
    const auto third = pool.apply_async({.timeout = 1ms}, [] { ::pause(); });

    std::this_thread::sleep_for(20ms);
    CHECK_FALSE(second.ready());
    go->tell();
    first.get();

    // It may be slow to return, but has not been found late while it waited.
    CHECK(second.wait(long_enough));
    CHECK_THROWS_AS(third.get(long_enough), TaskTimeout);
}

TEST_CASE("Pool: without any time a task that does not return at once is stopped") {
    const test::OpenChannel go;
    Pool pool(1);
    const auto first = pool.apply_async([] { test::channel->await(); });
    const auto second = pool.apply_async({.timeout = 0s}, [] { ::pause(); });
    std::this_thread::sleep_for(20ms);
    go->tell();
    first.get();

    CHECK_THROWS_AS(second.get(long_enough), TaskTimeout);
}

TEST_CASE("Pool: in a forked child it can't be used, and the child harms it not") {
    const test::OpenChannel begun;
    Pool pool(1);
    const auto running = pool.apply_async(test::begin_and_never_end);
    begun->await();
    auto pending = pool.imap(test::square, numbers(2));
    const auto waiting = pool.apply_async(test::square, 5);

    const std::string told = test::told_by_forked([&] {
        std::string text;
        text += test::thrown_by([&] { pool.apply(test::square, 1); }) + '\n';
        text += test::thrown_by([&] { static_cast<void>(waiting.get()); }) + '\n';
        text += test::thrown_by([&] { static_cast<void>(pending.next()); }) + '\n';
        pool.close();
        pool.terminate();
        const Pool theirs{std::move(pool)};
        return text;
    });

    const std::string refused =
        "a pool can only be used by the process that has made it\n";
    CHECK(told == refused + refused + refused);
    ::kill(pool.pids().front(), SIGKILL);
    CHECK_THROWS_AS(running.get(long_enough), WorkerDied);
    CHECK(waiting.get(long_enough) == 25);
    CHECK(pending.next(long_enough) == 0);
}

TEST_CASE("Pool: what it has is given back, a hundred times") {
    {
        Pool first(1);  // What is made once is there after this.
    }
    const auto descriptors = test::open_descriptors();
    const int threads = test::thread_count();

    for (int i = 0; i < 100; ++i) {
        Pool pool(2);
        CHECK(pool.apply(test::square, i) == i * i);
    }

    CHECK(test::open_descriptors() == descriptors);
    CHECK(active_children().empty());
    CHECK(test::comes_about([&] { return test::thread_count() <= threads; }));
}

TEST_CASE("Pool: descriptors are as many after a thousand workers have been recycled") {
    Pool pool({.max_tasks_per_child = 1, .processes = 2});
    CHECK(pool.apply(test::square, 2) == 4);
    REQUIRE(test::comes_about([&] { return pool.pids().size() == 2; }));
    const auto before = test::open_descriptors().size();

    const int count = test::rounds(1000);
    CHECK(pool.map({.chunksize = 1}, test::square, numbers(count)) == squares(count));

    // A worker may have two, and not have them yet.
    CHECK(test::comes_about([&] {
        return pool.pids().size() == 2 && test::open_descriptors().size() <= before + 4;
    }));
}

TEST_CASE("Pool: where no process can be had, none is made, and nothing is left") {
    const std::string told = test::told_by_forked([] {
        // Root may have any number of them.
        const rlimit none{0, 0};
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) return std::string{"skip"};
        ::setrlimit(RLIMIT_NPROC, &none);
        const auto before = test::open_descriptors();
        const int threads = test::thread_count();
        std::string text = test::thrown_by([] { Pool pool(2); });
        if (test::open_descriptors() != before) text += "; descriptors are left";
        if (!active_children().empty()) text += "; children are left";
        if (test::thread_count() > threads) text += "; threads are left";
        return text;
    });

    if (told != "skip")
        CHECK_THAT(told, test::Contains("fork") && !test::Contains("left"));
}

TEST_CASE("Pool: with little memory for addresses it is made or refused, and works") {
    const std::string told = test::told_by_forked([] {
        std::string text;
        for (const rlim_t mib : {100U, 400U, 1000U, 4000U}) {
            const int code = test::forked([mib] {
                const rlimit limit{mib << 20U, mib << 20U};
                ::setrlimit(RLIMIT_AS, &limit);
                try {
                    Pool pool(2);
                    return pool.apply(test::square, 3) == 9 ? 0 : 1;
                } catch (const std::bad_alloc&) {
                    return 0;
                } catch (const OSError&) {
                    return 0;
                }
            });
            text += std::to_string(code) + ' ';
        }
        return text;
    });

#ifndef SANITIZED
    CHECK(told == "0 0 0 0 ");
#endif
}

TEST_CASE("Pool: without a descriptor to be had, workers are replaced all the same") {
    const std::string told = test::told_by_forked([] {
        Pool pool(2);
        static_cast<void>(pool.apply(test::square, 1));
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = 100;
        ::setrlimit(RLIMIT_NOFILE, &limit);
        std::vector<int> all;
        for (int fd = 0; (fd = ::dup(0)) >= 0;) all.push_back(fd);
        std::string text;
        for (int i = 0; i < 3; ++i) {
            text +=
                test::thrown_by([&] { pool.apply(test::die, SIGKILL); }).substr(0, 18);
            text += std::to_string(pool.apply(test::square, 5)) + ' ';
        }
        for (const int fd : all) ::close(fd);
        return text;
    });

    CHECK(told == "the worker process25 the worker process25 the worker process25 ");
}

TEST_CASE(
    "Pool: whichever worker is killed whenever, no other task is lost, none hangs") {
    constexpr unsigned size = 3;
    const int threads = test::thread_count();
    const auto descriptors = test::open_descriptors();
    {
        Pool pool({.max_tasks_per_child = 50, .processes = size});
        std::minstd_rand random{1};
        for (int round = 0; round < test::rounds(200); ++round) {
            const std::string label = "round " + std::to_string(round);
            std::vector<AsyncResult<int>> results;
            const auto retries = static_cast<unsigned>(round % 2) * 100;
            for (int i = 0; i < 20; ++i) {
                results.push_back(
                    pool.apply_async({.retries = retries}, test::square, i));
            }
            const auto map = pool.map_async(
                {.chunksize = 2, .retries = 100},
                [](int n) { return std::string(500, 'x') + std::to_string(n); },
                numbers(20));
            test::let_a_random_while_pass(random);
            const auto pids = pool.pids();
            if (!pids.empty()) ::kill(pids[random() % pids.size()], SIGKILL);

            CAPTURE(label);
            const auto are_all_ready = [&] {
                return map.ready() && std::ranges::all_of(results, [](const auto& each) {
                           return each.ready();
                       });
            };
            REQUIRE(test::comes_about(are_all_ready, test::longest_settling));
            int lost = 0;
            for (int i = 0; i < 20; ++i) {
                const auto& result = results[static_cast<std::size_t>(i)];
                try {
                    const int value = result.get();
                    REQUIRE(value == i * i);
                } catch (const WorkerDied& death) {
                    REQUIRE(death.signal() == SIGKILL);
                    ++lost;
                }
            }
            REQUIRE(lost <= (retries == 0 ? 1 : 0));
            REQUIRE(map.get().size() == 20);
            REQUIRE(map.get()[19] == std::string(500, 'x') + "19");
            REQUIRE(test::comes_about([&] { return pool.pids().size() == size; }));
        }
    }
    CHECK(active_children().empty());
    CHECK(test::open_descriptors() == descriptors);
    CHECK(test::comes_about([&] { return test::thread_count() <= threads; }));
}

TEST_CASE("Pool: what large arguments and results took of memory is given back") {
    const auto shared_mib = [] {
        std::ifstream status{"/proc/self/status"};
        for (std::string line; std::getline(status, line);) {
            if (line.rfind("RssShmem:", 0) == 0) return std::stol(line.substr(9)) / 1024;
        }
        return -1L;
    };
    Pool pool(2);
    static_cast<void>(pool.map(test::square, numbers(10)));
    const long before = shared_mib();
    const std::vector<std::string> large(200, std::string(1 << 20, 'x'));

    const auto results = pool.map(
        {.chunksize = 1}, [](const std::string& text) { return text + '!'; }, large);
    CHECK(results.size() == 200);
    CHECK(results.back().size() == large.back().size() + 1);

    // Each of the two queues keeps 2.
    const auto is_given_back = [&] { return shared_mib() <= before + 5; };
    if (posix::platform::gives_back_pages) CHECK(test::comes_about(is_given_back));
    CHECK(pool.map({.chunksize = 1}, test::square, numbers(100)) == squares(100));
}

TEST_CASE(
    "Pool: a result that is there after close and join is ready, callbacks called") {
    for (int round = 0; round < test::rounds(100); ++round) {
        Pool pool(1);
        std::atomic<int> called = 0;
        const auto result = pool.apply_async(test::square, 3).callback([&](int) {
            std::this_thread::sleep_for(1ms);
            ++called;
        });
        std::thread helper{[&] { static_cast<void>(result.get()); }};
        pool.close();
        pool.join();
        CHECK(result.ready());
        CHECK(called == 1);
        helper.join();
    }
}

TEST_CASE("Pool: twenty workers may die before they are ready, if others come through") {
    Pool pool(2);
    const test::OpenChannel never;
    for (int i = 0; i < 30; ++i) {
        // The other one is always ready.
        const auto before = pool.pids();
        ::kill(before.back(), SIGKILL);
        REQUIRE(test::comes_about([&] {
            const auto now = pool.pids();
            return now.size() == 2 && now != before;
        }));
    }

    CHECK(pool.apply(test::square, 3) == 9);
}

TEST_CASE("Pool: one with static storage, or never closed, lets the program end") {
    for (const bool is_static : {true, false}) {
        const int code = test::forked([is_static] {
            // As in a program of its own: this child has no other.
            if (is_static) {
                static Pool pool(2);
                static_cast<void>(pool.apply_async([] { ::pause(); }));
                std::exit(pool.apply(test::square, 5));
            }
            auto* const pool = new Pool(2);
            static_cast<void>(pool->apply_async([] { ::pause(); }));
            std::exit(pool->apply(test::square, 5));
            return 1;
        });
        CHECK(code == 25);
    }
}

TEST_CASE("Pool: one that a Process has, static or never closed, lets that end") {
    Process process([] {
        static Pool pool(2);
        static_cast<void>(pool.apply_async([] { ::pause(); }));
        auto* const other = new Pool(1);
        throw SystemExit{other->apply(test::square, pool.apply(test::square, 2))};
    });
    process.start();
    process.join();

    CHECK(process.exitcode() == 16);
}

TEST_CASE("Pool: a callback may end the program, whichever thread it is called by") {
    for (int round = 0; round < 10; ++round) {
        const int code = test::forked([] {
            Pool pool(2);
            static_cast<void>(pool.apply_async([] { ::pause(); }));
            pool.apply_async(test::square, 2).callback([](int) { std::exit(17); });
            for (;;) ::pause();
            return 1;
        });
        CHECK(code == 17);
    }
}

TEST_CASE("Pool: a death that a callback is told of may end the program") {
    const int code = test::forked([] {
        Pool pool(2);
        pool.apply_async(test::die, SIGKILL).error_callback([](const auto&) {
            std::exit(18);
        });
        for (;;) ::pause();
        return 1;
    });
    CHECK(code == 18);
}

TEST_CASE("Pool: its workers leave when their parent is killed") {
    test::Channel told;
    const int code = test::forked([&] {
        Pool pool(2);
        for (const pid_t pid : pool.pids()) told.tell(std::to_string(pid));
        ::kill(::getpid(), SIGKILL);
        return 0;
    });

    CHECK(code == -SIGKILL);
    for (int i = 0; i < 2; ++i) {
        const pid_t pid = std::stoi(told.hear());
        CHECK(test::comes_about([&] { return test::is_gone(pid); }));
    }
}

TEST_CASE("Pool: a task's child that lives on keeps nobody from learning of a death") {
    const test::OpenChannel told;
    Pool pool(1);
    const auto result = pool.apply_async(
        [](int n) {
            const pid_t child = ::fork();
            if (child == 0) {
                for (;;) ::pause();
            }
            test::channel->tell(std::to_string(child));
            return test::die(n);
        },
        SIGKILL);
    const pid_t child = std::stoi(told->hear());

    CHECK_THROWS_AS(result.get(long_enough), WorkerDied);
    CHECK(pool.apply(test::square, 3) == 9);
    ::kill(child, SIGKILL);
}

TEST_CASE(
    "Pool: one whose memory is full of tasks can be ended, and goes on if there is "
    "room") {
    const std::string told = test::told_by_forked([] {
        rlimit limit{};
        ::getrlimit(RLIMIT_AS, &limit);
        const rlim_t usual = limit.rlim_cur;
        const test::OpenChannel go;
        std::string text;
        for (const bool ends : {false, true}) {
            limit.rlim_cur = 600U << 20U;
            ::setrlimit(RLIMIT_AS, &limit);
            Pool pool(1);
            limit.rlim_cur = usual;
            ::setrlimit(RLIMIT_AS, &limit);
            const auto first = pool.apply_async([] { test::channel->await(); });
            std::atomic<int> sent = 0;
            std::thread poster{[&] {
                text += test::thrown_by([&] {
                    std::vector<AsyncResult<std::size_t>> results;
                    const std::string large(1 << 20, 'x');
                    for (; sent < 300; ++sent) {
                        results.push_back(pool.apply_async(
                            [](const std::string& got) { return got.size(); }, large));
                    }
                    std::size_t sum = 0;
                    for (const auto& each : results) sum += each.get();
                    text += std::to_string(sum >> 20U) + ' ';
                });
            }};
            // Until it gets on no more.
            for (int before = -1; before != sent;) {
                before = sent;
                std::this_thread::sleep_for(300ms);
            }
            if (sent == 300) text += "never full ";
            if (ends) {
                pool.terminate();
                pool.join();
            } else {
                go->tell();
            }
            poster.join();
            text += ' ';
        }
        return text;
    });

#ifndef SANITIZED
    CHECK(told == "300 nothing Pool not running ");
#endif
}

TEST_CASE("Pool: a result, or a task, that is too large for its memory is an error") {
    const std::string told = test::told_by_forked([] {
        rlimit limit{};
        ::getrlimit(RLIMIT_AS, &limit);
        const rlim_t before = limit.rlim_cur;
        limit.rlim_cur = 700U << 20U;
        ::setrlimit(RLIMIT_AS, &limit);
        Pool pool(1);
        limit.rlim_cur = before;
        ::setrlimit(RLIMIT_AS, &limit);
        constexpr std::size_t large = std::size_t{300} << 20U;
        std::string text = test::thrown_by([&] {
            static_cast<void>(pool.apply(
                [](std::size_t size) {
                    rlimit all{};
                    ::getrlimit(RLIMIT_AS, &all);
                    all.rlim_cur = all.rlim_max;
                    ::setrlimit(RLIMIT_AS, &all);
                    return std::vector<char>(size);
                },
                large));
        });
        text = text.substr(0, 40) + '\n';
        text += test::thrown_by([&] {
            static_cast<void>(
                pool.apply([](const std::string& got) { return got.size(); },
                           std::string(large, 'x')));
        });
        text = text.substr(0, 78) + '\n';
        return text + std::to_string(pool.apply(test::square, 3));
    });

#ifndef SANITIZED
    CHECK(told ==
          "a result of 314572808 bytes is too large\n"
          "a task of 314572809 bytes is too larg\n9");
#endif
}

TEST_CASE("Pool: where no other process can be had, it tries until there can") {
    const std::string told = test::told_by_forked([] {
        if (::setgid(65534) != 0 || ::setuid(65534) != 0) return std::string{"skip"};
        Pool pool(2);
        rlimit limit{};
        ::getrlimit(RLIMIT_NPROC, &limit);
        const rlim_t before = limit.rlim_cur;
        limit.rlim_cur = 0;
        ::setrlimit(RLIMIT_NPROC, &limit);
        std::string text;
        ::kill(pool.pids().front(), SIGKILL);
        if (!test::comes_about([&] { return pool.pids().size() == 1; }))
            text += "replaced ";
        text += std::to_string(pool.apply(test::square, 5)) + ' ';
        ::kill(pool.pids().front(), SIGKILL);
        if (!test::comes_about([&] { return pool.pids().empty(); })) text += "replaced ";
        const std::string thrown = test::thrown_by([&] { pool.apply(test::square, 5); });
        text += thrown.substr(0, 4) + ' ';
        limit.rlim_cur = before;
        ::setrlimit(RLIMIT_NPROC, &limit);
        if (!test::comes_about([&] { return pool.pids().size() == 2; }))
            text += "not replaced ";
        return text + std::to_string(pool.apply(test::square, 6));
    });

    if (told != "skip") CHECK_THAT(told, test::Matches("25 .* 36"));
}

TEST_CASE("Pool: where the system reaps children by itself, deaths are noticed as well") {
    const std::string told = test::told_by_forked([] {
        std::signal(SIGCHLD, SIG_IGN);
        Pool pool(2);
        std::string text =
            test::thrown_by([&] { pool.apply(test::die, SIGKILL); }).substr(0, 10);
        return text + ' ' + std::to_string(pool.apply(test::square, 6));
    });

    CHECK(told == "the worker 36");
}
