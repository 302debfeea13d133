// SPDX-License-Identifier: BSL-1.0
// How many programs several threads start in a second, all at once.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* program = CHILDREN "/child.noop";

/// Does the work so many times in all, on so many threads at once.
std::function<void(int)> on_threads(int threads, std::function<void(int)> work) {
    return [threads, work](int times) {
        std::vector<std::thread> running;
        for (int i = 0; i < threads; ++i) {
            const int share = times / threads + (i < times % threads ? 1 : 0);
            running.emplace_back([&work, share] { work(share); });
        }
        for (std::thread& thread : running) thread.join();
    };
}

void compare(int threads) {
    std::vector<bench::Contestant> contestants{
        {"raw vfork (the floor)",
         on_threads(threads, bench::each_time([] { bench::raw_vfork(program); }))},
        {"pyproc::subprocess::call",
         on_threads(threads, bench::each_time([] {
                        bench::require(pyproc::subprocess::call({program}) == 0);
                    })),
         0.90},
        {"posix_spawn",
         on_threads(threads, bench::each_time([] { bench::raw_posix_spawn(program); }))},
        {"fork",
         on_threads(threads, bench::each_time([] { bench::raw_fork(program); }))}};
    for (const bench::Peer& peer : bench::peers()) {
        std::function<void(int)> work;
        if (peer.call_on_threads != nullptr) {
            work = [=](int times) {
                // Whole shares: what does not divide is done by none.
                const int share = (times + threads - 1) / threads;
                peer.call_on_threads(threads, share, program);
            };
        } else {
            work = on_threads(threads, [=](int times) { peer.call(times, program); });
        }
        contestants.push_back({.name = peer.name, .work = work, .every = 5});
    }
    bench::compare_rates("spawns per second, " + std::to_string(threads) + " threads",
                         contestants, {.rounds = 41, .turn = 20ms});
}

}  // namespace

int main() {
    for (const int threads : {2, 4, 8}) compare(threads);
}
