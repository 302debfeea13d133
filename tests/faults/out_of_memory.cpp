// SPDX-License-Identifier: BSL-1.0
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <random>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/futures.hpp"
#include "pyproc/multiprocessing.hpp"
#include "support/catch.hpp"
#include "support/replaced_new.hpp"

namespace {

/// Whether this thread always gets memory.
[[maybe_unused]] thread_local bool is_spared = false;

/// The process whose other threads get no memory now and then; 0 for none.
std::atomic<pid_t> victim = 0;
std::atomic<std::uint32_t> asked = 0;

/// Refuses memory to all threads of this process but the calling one.
class LittleMemory {
public:
    LittleMemory() {
        is_spared = true;
        victim = ::getpid();
    }
    LittleMemory(const LittleMemory&) = delete;
    LittleMemory& operator=(const LittleMemory&) = delete;
    ~LittleMemory() { victim = 0; }
};

}  // namespace

bool test::is_memory_refused(std::size_t /*size*/) {
    if (is_spared || victim == 0) return false;
    // Of any number of requests in a row, some runs are all granted.
    std::uint32_t mixed = asked++;
    for (int i = 0; i < 3; ++i) mixed = (mixed ^ (mixed >> 15U)) * 2'654'435'761U;
    return (mixed >> 29U) == 0 && victim == ::getpid();
}

using namespace pyproc;
using namespace pyproc::futures;
using namespace std::chrono_literals;

TEST_CASE("A pool whose threads get no memory now and then answers every task") {
    std::minstd_rand random{1};
    for (int round = 0; round < test::rounds(40); ++round) {
        const bool ends = round % 4 == 0;
        std::vector<Future<int>> futures;
        ProcessPoolExecutor executor({.max_workers = 2, .replace_workers = !ends});
        const LittleMemory little;
        for (int i = 0; i < 20; ++i) {
            const auto retries = static_cast<unsigned>(random() % 3);
            futures.push_back(executor.submit({.retries = retries}, test::square, i));
            const bool is_slow = random() % 4 == 0;
            if (is_slow) {
                futures.push_back(
                    executor.submit({.retries = retries, .timeout = 2ms}, [] {
                        ::pause();
                        return 0;
                    }));
            }
        }
        test::let_a_random_while_pass(random);
        const auto pids = executor.pids();
        if (!pids.empty()) ::kill(pids[random() % pids.size()], SIGKILL);

        CAPTURE(round);
        for (const auto& future : futures) {
            REQUIRE(test::comes_about([&] { return future.done(); }));
        }
    }
    CHECK(test::comes_about([] { return multiprocessing::active_children().empty(); }));
}
