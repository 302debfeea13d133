// SPDX-License-Identifier: BSL-1.0
// What calling a function in a process of its own costs, against the least that the
// kernel asks for it: from a small parent, and from a large one by each start method.

#include <pyproc/multiprocessing.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "floors.hpp"
#include "measure.hpp"
#include "parent.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;
using pyproc::multiprocessing::Process;
using pyproc::multiprocessing::set_start_method;

void do_nothing() {}

void raw_fork() {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    bench::wait_for_success(pid);
}

void start_and_join() {
    Process process(do_nothing);
    process.start();
    process.join();
    bench::require(process.exitcode() == 0);
}

void start_by(const char* method, int times) {
    set_start_method(method, true);
    for (int i = 0; i < times; ++i) start_and_join();
}

/// What a parent does, by its place in the list.
enum Work : std::size_t { by_fork, by_server, by_raw_fork, first_peer };

bench::Parent::Works works() {
    bench::Parent::Works list{[](int times) { start_by("fork", times); },
                              [](int times) { start_by("forkserver", times); },
                              bench::each_time(raw_fork)};
    for (const bench::Peer& peer : bench::peers()) {
        list.push_back([&peer](int times) { peer.start_process(times, false); });
        list.push_back([&peer](int times) { peer.start_process(times, true); });
    }
    // The last: what it costs is laid on the parent after it has its fork servers.
    list.push_back([](int) {
        set_start_method("forkserver", true);
        const bench::Burden burden{.memory = std::size_t{1} << 30};
        bench::take_on(burden);
        for (const bench::Peer& peer : bench::peers()) {
            if (peer.start_process == nullptr) continue;
            peer.start_process(1, true);
            peer.take_on(burden);
        }
    });
    return list;
}

void add_peers(std::vector<bench::Contestant>& contestants, const bench::Parent& parent) {
    std::size_t work = first_peer;
    for (const bench::Peer& peer : bench::peers()) {
        for (const char* method : {", fork", ", forkserver"}) {
            const std::size_t which = work++;
            if (peer.start_process == nullptr) continue;
            contestants.push_back(
                {.name = peer.name + method,
                 .work = [&parent, which](int times) { parent.work(which, times); },
                 .every = 3});
        }
    }
}

}  // namespace

int main() {
    const auto does = [](const bench::Parent& parent, Work which) {
        return [&parent, which](int times) { parent.work(which, times); };
    };
    const bench::Parent small{{}, works()};
    const bench::Parent large{{}, works()};
    large.work(works().size() - 1, 1);

    std::vector<bench::Contestant> from_small{
        {"raw fork + waitpid (the floor)", does(small, by_raw_fork)},
        {"pyproc Process, fork", does(small, by_fork), 1.15},
        {"pyproc Process, forkserver", does(small, by_server)}};
    add_peers(from_small, small);
    bench::compare("start + join from a small parent", from_small,
                   {.rounds = 101, .turn = 6ms});

    std::vector<bench::Contestant> from_large{
        {"raw fork + waitpid, small parent (the floor)", does(small, by_raw_fork)},
        {"pyproc Process, forkserver", does(large, by_server), 4},
        {.name = "pyproc Process, fork", .work = does(large, by_fork), .every = 3},
        {.name = "raw fork + waitpid", .work = does(large, by_raw_fork), .every = 3}};
    add_peers(from_large, large);
    bench::compare("start + join from a parent of 1 GiB", from_large,
                   {.rounds = 51, .turn = 6ms});
}
