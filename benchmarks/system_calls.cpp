// SPDX-License-Identifier: BSL-1.0
// How many system calls one piece of work makes, parent and child together, as `strace -f
// -c` counts them: the difference between a run with N of it and one with 2 N, so that
// what a program does once does not count.

#include <pyproc/subprocess.hpp>

#include <cstdio>
#include <map>
#include <sstream>
#include <string>
#include <string_view>

#include "floors.hpp"

namespace {

namespace subprocess = pyproc::subprocess;

constexpr const char* bare = CHILDREN "/child.bare";
constexpr const char* print_30 = CHILDREN "/child.print_30";
constexpr int repeats = 10;

/// What is counted, by the name that this program gets when strace runs it.
void work(std::string_view kind) {
    if (kind == "raw call") bench::raw_vfork(bare);
    if (kind == "call") bench::require(subprocess::call({bare}) == 0);
    if (kind == "raw check_output") bench::raw_check_output(print_30);
    if (kind == "check_output") subprocess::check_output({print_30});
}

using Counts = std::map<std::string, double>;

Counts count_all(const std::string& self, const std::string& kind, int times) {
    const auto traced = subprocess::run(
        {"strace", "-f", "-c", "-U", "name,calls", self, kind, std::to_string(times)},
        {.check = true, .std_err = subprocess::PIPE});
    std::istringstream report{traced.std_err};
    Counts counts;
    for (std::string line; std::getline(report, line);) {
        std::istringstream columns{line};
        std::string name;
        double calls = 0;
        if (columns >> name >> calls && name != "total") counts[name] = calls;
    }
    return counts;
}

/// The calls of doing the work once.
Counts count_once(const std::string& self, const std::string& kind) {
    const Counts fewer = count_all(self, kind, repeats);
    Counts once;
    for (const auto& [name, calls] : count_all(self, kind, 2 * repeats)) {
        const auto before = fewer.find(name);
        const double more = calls - (before == fewer.end() ? 0 : before->second);
        if (more != 0) once[name] = more / repeats;
    }
    return once;
}

double sum_of(const Counts& counts) {
    double sum = 0;
    for (const auto& [name, calls] : counts) sum += calls;
    return sum;
}

/// @param goal  How many calls ours may make more than the floor; 0 for no goal.
void compare(const std::string& self, const std::string& title, const std::string& raw,
             const std::string& ours, int goal) {
    Counts floor = count_once(self, raw);
    Counts counts = count_once(self, ours);
    for (const auto& [name, calls] : floor) counts.try_emplace(name, 0);

    std::printf("system calls of %s\n  %-42s %8s %8s\n", title.c_str(), "", "floor",
                "ours");
    for (const auto& [name, calls] : counts) {
        std::printf("  %-42s %8.1f %8.1f\n", name.c_str(), floor[name], calls);
    }
    const double all = sum_of(floor);
    const double more = sum_of(counts) - all;
    std::printf("  %-42s %8.1f %8.1f", "all", all, all + more);
    if (goal > 0) {
        std::printf("  goal %d more: %s", goal, more <= goal ? "reached" : "missed");
    }
    std::printf("\n");
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3) {
        for (int i = std::stoi(argv[2]); i > 0; --i) work(argv[1]);
        return 0;
    }
    try {
        compare(argv[0], "one call of a program without even a C library", "raw call",
                "call", 6);
        compare(argv[0], "one check_output of 30 bytes", "raw check_output",
                "check_output", 0);
    } catch (const pyproc::FileNotFoundError&) {
        std::printf("left out: there is no strace\n");
    }
}
