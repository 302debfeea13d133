// SPDX-License-Identifier: BSL-1.0
// A search that keeps every processor busy: which number below a limit takes the most
// steps of Collatz' rule (halve an even number, triple an odd one and add 1) to come down
// to 1? First by this process alone, then by a pool of one worker for each processor.
//
//     $ ./pool_map 5000000
//     [INFO] alone:        2.04 s, 3732423 takes 596 steps
//     [INFO] 2 processes:  1.04 s, 3732423 takes 596 steps
//     [INFO] 1.96 times as fast

#include <pyproc/multiprocessing.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <string>
#include <vector>

using pyproc::multiprocessing::Pool;

// What is sent to the workers and back: plain structs travel as they are.
struct Span {
    std::uint64_t first;
    std::uint64_t end;
};

struct Longest {
    std::uint64_t start;
    int steps;
};

Longest longest_chain(const Span& span) {
    Longest longest{span.first, 0};
    for (std::uint64_t start = span.first; start < span.end; ++start) {
        int steps = 0;
        for (std::uint64_t n = start; n != 1; ++steps) n = n % 2 == 0 ? n / 2 : 3 * n + 1;
        if (steps > longest.steps) longest = {start, steps};
    }
    return longest;
}

std::vector<Span> split(std::uint64_t limit, std::uint64_t parts) {
    std::vector<Span> spans;
    for (std::uint64_t i = 0; i < parts; ++i) {
        spans.push_back(
            {std::max<std::uint64_t>(limit * i / parts, 1), limit * (i + 1) / parts});
    }
    return spans;
}

Longest longest_of(const std::vector<Longest>& found) {
    return *std::ranges::max_element(found, {}, &Longest::steps);
}

double seconds_since(std::chrono::steady_clock::time_point start) {
    const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    return spent.count();
}

void report(const std::string& who, double seconds, const Longest& longest) {
    std::cout << "[INFO] " << std::left << std::setw(13) << who + ":" << std::right
              << std::fixed << std::setprecision(2) << std::setw(5) << seconds << " s, "
              << longest.start << " takes " << longest.steps << " steps\n";
}

int main(int argc, char** argv) try {
    const std::uint64_t limit = argc > 1 ? std::stoull(argv[1]) : 5'000'000;
    const std::vector<Span> spans = split(limit, 256);

    const auto start = std::chrono::steady_clock::now();
    std::vector<Longest> found;
    for (const Span& span : spans) found.push_back(longest_chain(span));
    const double alone = seconds_since(start);
    report("alone", alone, longest_of(found));

    Pool pool;
    const auto again = std::chrono::steady_clock::now();
    found = pool.map({.chunksize = 1}, longest_chain, spans);
    const double together = seconds_since(again);
    report(std::to_string(pool.pids().size()) + " processes", together,
           longest_of(found));

    std::cout << "[INFO] " << alone / together << " times as fast\n";
} catch (const std::exception& error) {
    std::cerr << "pool_map: " << error.what() << '\n';
    return EXIT_FAILURE;
}
