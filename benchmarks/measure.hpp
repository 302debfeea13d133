// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace bench {

/// One way to do the work that is being compared.
struct Contestant {
    std::string name;
    std::function<void()> work;
};

inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Times the contestants against the first one, which is the floor, and prints a table.
///
/// All are run in turn in each round, each time starting with another, and what is
/// compared is the ratio within a round: so a machine that slows down or is shared slows
/// them alike.
///
/// @param rounds   How often each is timed.
/// @param repeats  How often the work is done each time.
inline void compare(const std::string& title, const std::vector<Contestant>& contestants,
                    int rounds, int repeats) {
    using clock = std::chrono::steady_clock;
    using microseconds = std::chrono::duration<double, std::micro>;
    std::vector<std::vector<double>> times(contestants.size());
    std::vector<std::vector<double>> ratios(contestants.size());

    for (const Contestant& contestant : contestants) contestant.work();  // warms up
    for (int round = 0; round < rounds; ++round) {
        for (std::size_t turn = 0; turn < contestants.size(); ++turn) {
            const std::size_t i =
                (turn + static_cast<std::size_t>(round)) % contestants.size();
            const auto start = clock::now();
            for (int repeat = 0; repeat < repeats; ++repeat) contestants[i].work();
            times[i].push_back(microseconds{clock::now() - start}.count() / repeats);
        }
        for (std::size_t i = 0; i < contestants.size(); ++i) {
            ratios[i].push_back(times[i].back() / times[0].back());
        }
    }

    std::printf("%s (median of %d rounds of %d)\n", title.c_str(), rounds, repeats);
    for (std::size_t i = 0; i < contestants.size(); ++i) {
        std::printf("  %-44s %9.1f us  %6.3f x floor\n", contestants[i].name.c_str(),
                    median(times[i]), median(ratios[i]));
    }
    std::fflush(stdout);
}

}  // namespace bench
