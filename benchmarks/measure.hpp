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
    /// Does the work so many times.
    std::function<void(int times)> work;
    /// How many times its baseline it may take; as a rate, how much of its baseline's it
    /// must reach. 0: it has no goal.
    double goal = 0;
    /// It takes part in every so many rounds. 1 for what others are compared with.
    int every = 1;
    /// The contestant that it is compared with, by its place in the list.
    std::size_t baseline = 0;
};

/// How long to measure.
struct Plan {
    int rounds;
    /// How long one turn of a contestant should take: the work is repeated as often as
    /// fits, at least once.
    std::chrono::microseconds turn;
};

/// Medians over the rounds.
struct Result {
    double time;   ///< microseconds that the work takes once
    double ratio;  ///< that, over the baseline's in the same round
};

inline double median(std::vector<double> values) {
    if (values.empty()) return 0;
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Makes a contestant's work of a function that does it once.
template <class Function>
std::function<void(int)> each_time(Function once) {
    return [once](int times) {
        for (int i = 0; i < times; ++i) once();
    };
}

/// The microseconds that the work takes once, when it is done so many times.
inline double time_once(const Contestant& contestant, int times) {
    const auto start = std::chrono::steady_clock::now();
    contestant.work(times);
    const std::chrono::duration<double, std::micro> taken =
        std::chrono::steady_clock::now() - start;
    return taken.count() / times;
}

/// How often the work fits into a turn.
inline int repeats_in(std::chrono::microseconds turn, const Contestant& contestant) {
    constexpr double long_work = 50'000;
    double once = time_once(contestant, 1);
    // The first time may be slow for reasons of its own: a program not yet in the cache.
    if (once < long_work) once = time_once(contestant, 1);
    const auto limit = static_cast<double>(turn.count());
    if (once * 4 < limit) once = time_once(contestant, 3);
    return std::max(1, static_cast<int>(limit / once));
}

/// Times the contestants.
///
/// All are run in turn in each round, each time starting with another, and what is
/// compared is the ratio within a round: so a machine that slows down or is shared slows
/// them alike.
inline std::vector<Result> measure(const std::vector<Contestant>& contestants,
                                   Plan plan) {
    const std::size_t count = contestants.size();
    std::vector<int> repeats;
    repeats.reserve(count);
    for (const Contestant& each : contestants) {
        repeats.push_back(repeats_in(plan.turn, each));
    }
    std::vector<std::vector<double>> times(count);
    std::vector<std::vector<double>> ratios(count);

    for (int round = 0; round < plan.rounds; ++round) {
        for (std::size_t turn = 0; turn < count; ++turn) {
            const std::size_t i = (turn + static_cast<std::size_t>(round)) % count;
            if (round % contestants[i].every != 0) continue;
            times[i].push_back(time_once(contestants[i], repeats[i]));
        }
        for (std::size_t i = 0; i < count; ++i) {
            if (round % contestants[i].every != 0) continue;
            ratios[i].push_back(times[i].back() / times[contestants[i].baseline].back());
        }
    }

    std::vector<Result> results;
    for (std::size_t i = 0; i < count; ++i) {
        results.push_back({median(times[i]), median(ratios[i])});
    }
    return results;
}

/// Times the contestants against the first one, which is the floor, and prints a table.
inline void compare(const std::string& title, const std::vector<Contestant>& contestants,
                    Plan plan) {
    const auto results = measure(contestants, plan);
    std::printf("%s (median of %d rounds)\n", title.c_str(), plan.rounds);
    for (std::size_t i = 0; i < contestants.size(); ++i) {
        const Contestant& each = contestants[i];
        std::printf("  %-42s %11.1f us %8.3f x floor", each.name.c_str(), results[i].time,
                    results[i].ratio);
        if (each.goal > 0) {
            std::printf("  goal %.2f: %s", each.goal,
                        results[i].ratio <= each.goal ? "reached" : "missed");
        }
        std::printf("\n");
    }
    std::fflush(stdout);
}

/// The same as a rate: how often the work is done in a second.
inline void compare_rates(const std::string& title,
                          const std::vector<Contestant>& contestants, Plan plan) {
    const auto results = measure(contestants, plan);
    std::printf("%s (median of %d rounds)\n", title.c_str(), plan.rounds);
    for (std::size_t i = 0; i < contestants.size(); ++i) {
        const Contestant& each = contestants[i];
        const double rate = 1 / results[i].ratio;
        std::printf("  %-42s %12.0f /s %8.3f x floor", each.name.c_str(),
                    1e6 / results[i].time, rate);
        if (each.goal > 0) {
            std::printf("  goal %.2f: %s", each.goal,
                        rate >= each.goal ? "reached" : "missed");
        }
        std::printf("\n");
    }
    std::fflush(stdout);
}

}  // namespace bench
