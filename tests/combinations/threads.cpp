// SPDX-License-Identifier: BSL-1.0
// Children and the caller's threads.
#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

/// Threads that run `body(stop)` until they are told to stop, which the destructor does.
class Threads {
public:
    template <class Body>
    Threads(int count, Body body) {
        threads_.reserve(static_cast<std::size_t>(count));
        for (int i = 0; i < count; ++i) {
            threads_.emplace_back([this, body] {
                while (!stop_) body();
            });
        }
    }
    ~Threads() {
        stop_ = true;
        for (std::thread& thread : threads_) thread.join();
    }
    Threads(const Threads&) = delete;
    Threads& operator=(const Threads&) = delete;

private:
    std::atomic<bool> stop_ = false;
    std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("threads: children get their limits while 64 threads allocate") {
    // A child in its parent's memory that took the C library's locks, or told its threads
    // of new limits as setrlimit or setuid may, would hang here or hit a thread.
    std::atomic<int> allocations = 0;
    const Threads allocating{64, [&] {
                                 std::string text(1000, 'x');
                                 std::make_unique<std::string>(text).swap(
                                     *std::make_unique<std::unique_ptr<std::string>>());
                                 ++allocations;
                                 std::this_thread::sleep_for(100us);
                             }};
    while (allocations < 64) std::this_thread::yield();
    const std::string core = std::to_string(RLIMIT_CORE);
    const std::string files = std::to_string(RLIMIT_NOFILE);
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);
    Options options{.limits = {{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 64, 64}},
                    .std_out = PIPE};
    if (::geteuid() == 0) {
        options.extra_groups = std::vector<Identity>{};
        options.group = 0;
        options.user = 0;
    }
    int right = 0;

    for (int i = 0; i < 100; ++i) {
        const auto done = run({CHILDREN "/child.print_limits", core, files}, options);
        right += done.std_out == "0 0\n64 64\n" ? 1 : 0;
    }

    rlimit after{};
    ::getrlimit(RLIMIT_NOFILE, &after);
    CHECK(right == 100);
    CHECK(after.rlim_cur == before.rlim_cur);
}

TEST_CASE("threads: sixteen wait, poll and signal, and all see the one status") {
    for (int round = 0; round < 20; ++round) {
        Popen child({CHILDREN "/child.write_and_wait"}, {.std_in = PIPE});
        std::vector<int> codes(16, 99);
        std::vector<std::thread> threads;
        threads.reserve(codes.size());
        std::atomic<int> ready = 0;

        for (std::size_t i = 0; i < codes.size(); ++i) {
            threads.emplace_back([&, i] {
                ++ready;
                while (ready < 16) std::this_thread::yield();
                switch (i % 4) {
                    case 0: codes[i] = child.wait(); break;
                    case 1: codes[i] = child.wait(1h); break;
                    case 2:
                        while (!child.poll()) std::this_thread::yield();
                        codes[i] = child.returncode().value_or(98);
                        break;
                    default:
                        child.terminate();
                        codes[i] = child.wait();
                        child.kill();
                }
            });
        }
        for (std::thread& thread : threads) thread.join();

        REQUIRE(codes == std::vector<int>(16, -SIGTERM));
    }
}

TEST_CASE(
    "threads: a child that another reaps with waitpid(-1) is not waited for twice") {
    const std::string told = test::told_by_forked([]() -> std::string {
        const Threads reaper{1, [] {
                                 while (::waitpid(-1, nullptr, WNOHANG) > 0) {
                                 }
                                 std::this_thread::yield();
                             }};
        for (int i = 0; i < 100; ++i) {
            // Whoever is first: a lost status counts as 0, as in Python.
            const auto done =
                run({CHILDREN "/child.copy_input"}, {.input = "hello", .std_out = PIPE});
            if (done.returncode != 0) return "a child failed";
            if (done.std_out != "hello") return "output was lost";
            Popen child({CHILDREN "/child.exit_with", "3"});
            const int code = child.wait(1h);
            if (code != 0 && code != 3) return "a code that nobody gave";
            if (child.poll() != code) return "two codes for one child";
            child.kill();
        }
        return {};
    });

    CHECK(told == "");
}

TEST_CASE("threads: with SIGCHLD ignored, all that waits comes back at the child's end") {
    for (const bool by_flag : {false, true}) {
        const std::string told = test::told_by_forked([&]() -> std::string {
            struct sigaction action {};
            action.sa_handler = by_flag ? SIG_DFL : SIG_IGN;
            action.sa_flags = by_flag ? SA_NOCLDWAIT : 0;
            ::sigaction(SIGCHLD, &action, nullptr);
            const test::Caller before;
            for (int i = 0; i < 20; ++i) {
                const auto done = run({CHILDREN "/child.copy_input"},
                                      {.input = "hello", .std_out = PIPE});
                if (done.std_out != "hello") return "output was lost";
                if (done.returncode != 0) return "a lost status is not 0";
                Popen waited({CHILDREN "/child.exit_with", "3"});
                if (waited.wait(1h) != 0) return "wait(limit) knows better";
                Popen polled({CHILDREN "/child.exit_with", "3"});
                while (!polled.poll()) std::this_thread::yield();
                if (polled.returncode() != 0) return "poll knows better";
                try {
                    const Popen failed{{"/no/such/program"}};
                    return "a failed start is no error";
                } catch (const FileNotFoundError&) {
                }
            }
            return before.changes();
        });
        CHECK(told == "");
    }
}

TEST_CASE(
    "threads: starts that fail and starts that work do not get in each other's way") {
    std::atomic<int> wrong = 0;
    {
        std::vector<std::thread> threads;
        threads.reserve(8);
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&, i] {
                for (int round = 0; round < 25; ++round) {
                    try {
                        if (i % 2 == 0) {
                            const auto done = run({CHILDREN "/child.copy_input"},
                                                  {.input = "x", .std_out = PIPE});
                            if (done.std_out != "x") ++wrong;
                        } else {
                            run({"/no/such/program"}, {.input = "x", .std_out = PIPE});
                            ++wrong;
                        }
                    } catch (const FileNotFoundError&) {
                        if (i % 2 == 0) ++wrong;
                    }
                }
            });
        }
        for (std::thread& thread : threads) thread.join();
    }

    CHECK(wrong == 0);
}
