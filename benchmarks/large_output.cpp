// SPDX-License-Identifier: BSL-1.0
// What collecting 256 MiB costs, and giving as much to a program at the same time,
// against the loop that most programs have for it.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* flood = CHILDREN "/child.flood";
constexpr const char* cat = "/bin/cat";
constexpr std::size_t size = std::size_t{256} << 20;
constexpr bench::Plan plan{.rounds = 15, .turn = 1ms};
constexpr int rounds_per_turn_of_a_peer = 7;

std::string our_communicate(const std::string& input) {
    using namespace pyproc::subprocess;
    Popen child{{cat}, {.std_in = PIPE, .std_out = PIPE}};
    return child.communicate(input).std_out;
}

}  // namespace

int main() {
    const std::string input(size, 'x');

    std::vector<bench::Contestant> outputs{
        {"common loop: 64 KiB pipe and buffer, append", bench::each_time([] {
             bench::require(bench::raw_check_output(flood).size() == size);
         })},
        {"pyproc::subprocess::check_output", bench::each_time([] {
             const auto output = pyproc::subprocess::check_output({flood});
             bench::require(output.size() == size);
         }),
         0.70}};
    std::vector<bench::Contestant> conversations{
        {"raw poll loop with 64 KiB pipes", bench::each_time([&] {
             bench::require(bench::raw_communicate(cat, input).size() == size);
         })},
        {"pyproc::subprocess::Popen::communicate",
         bench::each_time([&] { bench::require(our_communicate(input).size() == size); }),
         0.70}};
    for (const bench::Peer& peer : bench::peers()) {
        if (peer.check_output != nullptr) {
            outputs.push_back(
                {.name = peer.name,
                 .work = [=](int times) { peer.check_output(times, flood, size); },
                 .every = rounds_per_turn_of_a_peer});
        }
        if (peer.communicate != nullptr) {
            conversations.push_back(
                {.name = peer.name,
                 .work = [=, &input](int times) { peer.communicate(times, cat, input); },
                 .every = rounds_per_turn_of_a_peer});
        }
    }
    bench::compare("check_output of 256 MiB", outputs, plan);
    bench::compare("communicate: 256 MiB through cat", conversations, plan);
}
