// SPDX-License-Identifier: BSL-1.0
// What the same work costs from a parent that has much memory or many descriptors,
// against its own time from one that has little. The parents are processes that take
// turns.

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"
#include "parent.hpp"
#include "peers/peer.hpp"

namespace {

using namespace std::chrono_literals;

constexpr const char* noop = CHILDREN "/child.noop";
constexpr const char* print_30 = CHILDREN "/child.print_30";

struct Kind {
    std::string title;
    bench::Burden burden;
    double goal_of_call = 0;
    double goal_of_check_output = 0;
};

std::size_t available_gib() {
    std::ifstream file{"/proc/meminfo"};
    std::string word;
    while (file >> word && word != "MemAvailable:") {
    }
    std::size_t kib = 0;
    file >> kib;
    return kib >> 20;
}

std::vector<Kind> kinds_that_fit() {
    std::vector<Kind> kinds{{.title = "little", .burden = {}}};
    // Twice and some: Python has as much in a process of its own.
    std::size_t gib = 4;
    while (gib > 1 && available_gib() < 2 * gib + 1) gib /= 2;
    if (gib < 4) std::printf("too little memory is free for 4 GiB\n");
    kinds.push_back({.title = std::to_string(gib) + " GiB",
                     .burden = {.memory = gib << 30},
                     .goal_of_call = 1.05,
                     .goal_of_check_output = 0});
    if (bench::could_have_descriptors(10'100)) {
        kinds.push_back({.title = "10,000 fds",
                         .burden = {.descriptors = 10'000},
                         .goal_of_call = 1.15,
                         .goal_of_check_output = 1.5});
    }
    if (bench::could_have_descriptors(19'100)) {
        kinds.push_back({.title = "19,000 cloexec",
                         .burden = {.descriptors = 19'000, .are_close_on_exec = true}});
    } else {
        std::printf("19,000 descriptors, or 10,000 even, are more than is allowed\n");
    }
    return kinds;
}

struct Way {
    std::string name;
    std::function<void(int)> work;
    int every = 1;
};

/// In which place of the ways our own stands.
constexpr std::size_t ours = 0;

std::vector<Way> ways_to_call() {
    using bench::each_time;
    std::vector<Way> ways{
        {"pyproc::subprocess::call",
         each_time([] { bench::require(pyproc::subprocess::call({noop}) == 0); })},
        {"raw vfork", each_time([] { bench::raw_vfork(noop); })},
        {"raw clone3, descriptors copied",
         each_time([] { bench::raw_clone3(noop, bench::Descriptors::copied); })},
        {"posix_spawn", each_time([] { bench::raw_posix_spawn(noop); }), 3},
        {"fork", each_time([] { bench::raw_fork(noop); }), 3}};
    for (const bench::Peer& peer : bench::peers()) {
        ways.push_back({peer.name, [&peer](int n) { peer.call(n, noop); }, 3});
    }
    return ways;
}

std::vector<Way> ways_to_check_output() {
    using bench::each_time;
    std::vector<Way> ways{
        {"pyproc::subprocess::check_output", each_time([] {
             const auto output = pyproc::subprocess::check_output({print_30});
             bench::require(output.size() == 30);
         })},
        {"raw vfork + pipe + read", each_time([] {
             bench::require(bench::raw_check_output(print_30).size() == 30);
         })}};
    for (const bench::Peer& peer : bench::peers()) {
        if (peer.check_output == nullptr) continue;
        ways.push_back(
            {peer.name, [&peer](int n) { peer.check_output(n, print_30, 30); }, 3});
    }
    return ways;
}

void print_goals(const std::vector<Kind>& kinds, double Kind::*goal,
                 const std::vector<bench::Result>& results) {
    for (std::size_t k = 1; k < kinds.size(); ++k) {
        const double limit = kinds[k].*goal;
        if (limit == 0) continue;
        std::printf("  pyproc with %s: %.3f, goal %.2f: %s\n", kinds[k].title.c_str(),
                    results[k].ratio, limit,
                    results[k].ratio <= limit ? "reached" : "missed");
    }
}

/// Prints for each way its time from the first parent, and how many times that it takes
/// from each of the others.
void compare(const std::string& title, const std::vector<Kind>& kinds, double Kind::*goal,
             const std::vector<bench::Parent>& parents, const std::vector<Way>& ways,
             std::size_t first_work) {
    constexpr bench::Plan plan{.rounds = 31, .turn = 5ms};
    std::vector<bench::Contestant> contestants;
    for (std::size_t w = 0; w < ways.size(); ++w) {
        const std::size_t baseline = contestants.size();
        for (std::size_t k = 0; k < kinds.size(); ++k) {
            // Whoever copies the memory's page table, as fork does, takes long for it.
            const bool is_slow = ways[w].every > 1 && kinds[k].burden.memory > 0;
            contestants.push_back({.name = ways[w].name,
                                   .work = [&parent = parents[k], which = first_work + w](
                                               int n) { parent.work(which, n); },
                                   .every = ways[w].every * (is_slow ? 5 : 1),
                                   .baseline = baseline});
        }
    }

    const auto results = bench::measure(contestants, plan);
    std::printf("%s, from a parent with ... (median of %d rounds)\n", title.c_str(),
                plan.rounds);
    std::printf("  %-36s", "");
    for (const Kind& kind : kinds) std::printf(" %14s", kind.title.c_str());
    std::printf("\n");
    for (std::size_t w = 0; w < ways.size(); ++w) {
        const bench::Result* const of_way = &results[w * kinds.size()];
        std::printf("  %-36s %11.1f us", ways[w].name.c_str(), of_way[0].time);
        for (std::size_t k = 1; k < kinds.size(); ++k) {
            std::printf(" %12.3f x", of_way[k].ratio);
        }
        std::printf("\n");
    }
    static_assert(ours == 0, "print_goals reads the first results");
    print_goals(kinds, goal, results);
    std::fflush(stdout);
}

}  // namespace

int main() {
    const auto kinds = kinds_that_fit();
    const auto calls = ways_to_call();
    const auto outputs = ways_to_check_output();
    bench::Parent::Works works;
    for (const Way& way : calls) works.push_back(way.work);
    for (const Way& way : outputs) works.push_back(way.work);

    std::fflush(stdout);  // or each parent would have a copy of it
    std::vector<bench::Parent> parents;
    parents.reserve(kinds.size());
    for (const Kind& kind : kinds) parents.emplace_back(kind.burden, works);

    compare("call of a static no-op program", kinds, &Kind::goal_of_call, parents, calls,
            0);
    compare("check_output of 30 bytes", kinds, &Kind::goal_of_check_output, parents,
            outputs, calls.size());
}
