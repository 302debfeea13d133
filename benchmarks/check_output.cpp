// SPDX-License-Identifier: BSL-1.0
// What collecting a short output costs, against the least that the kernel asks for it.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <cstddef>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"
#include "peers/peer.hpp"

int main() {
    using namespace std::chrono_literals;
    static constexpr const char* program = CHILDREN "/child.print_30";
    static constexpr std::size_t size = 30;

    std::vector<bench::Contestant> contestants{
        {"raw vfork + pipe + read (the floor)", bench::each_time([] {
             bench::require(bench::raw_check_output(program).size() == size);
         })},
        {"pyproc::subprocess::check_output", bench::each_time([] {
             const auto output = pyproc::subprocess::check_output({program});
             bench::require(output.size() == size);
         }),
         1.08}};
    for (const bench::Peer& peer : bench::peers()) {
        if (peer.check_output == nullptr) continue;
        contestants.push_back(
            {.name = peer.name,
             .work = [=](int times) { peer.check_output(times, program, size); },
             .every = 3});
    }
    bench::compare("check_output of 30 bytes", contestants, {.rounds = 101, .turn = 6ms});
}
