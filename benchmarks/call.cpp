// SPDX-License-Identifier: BSL-1.0
// What starting a program and waiting for it costs, against the least that the kernel
// asks for it.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;
using bench::Descriptors;

void compare(const std::string& title, const char* program) {
    std::vector<bench::Contestant> contestants{
        {"raw vfork + execve + waitpid (the floor)",
         bench::each_time([=] { bench::raw_vfork(program); })},
        {"pyproc::subprocess::call", bench::each_time([=] {
             bench::require(pyproc::subprocess::call({program}) == 0);
         }),
         1.05},
        {"raw clone3, descriptors copied",
         bench::each_time([=] { bench::raw_clone3(program, Descriptors::copied); })},
        {"raw clone3, descriptors closed",
         bench::each_time([=] { bench::raw_clone3(program, Descriptors::closed); })},
        {"posix_spawn", bench::each_time([=] { bench::raw_posix_spawn(program); })},
        {"fork + execve", bench::each_time([=] { bench::raw_fork(program); })}};
    for (const bench::Peer& peer : bench::peers()) {
        contestants.push_back({.name = peer.name,
                               .work = [=](int times) { peer.call(times, program); },
                               .every = 3});
    }
    bench::compare(title, contestants, {.rounds = 101, .turn = 6ms});
}

}  // namespace

int main() {
    compare("call of a static no-op program", CHILDREN "/child.noop");
    compare("call of a program without even a C library", CHILDREN "/child.bare");
}
