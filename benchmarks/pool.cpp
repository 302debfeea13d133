// SPDX-License-Identifier: BSL-1.0
// What a pool of two workers costs: tasks of which nearly all is their way to a worker
// and back, making and ending a pool, and what is gained where the work is real.

#include <pyproc/futures.hpp>
#include <pyproc/multiprocessing.hpp>
#include <pyproc/subprocess.hpp>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "floors.hpp"
#include "measure.hpp"

namespace {

using namespace std::chrono_literals;
using namespace pyproc;
using multiprocessing::Pool;

constexpr int item_count = 100'000;
constexpr int task_count = 10'000;

int twice(int number) {
    return 2 * number;
}

/// Some milliseconds of arithmetic.
double integral(int parts) {
    double sum = 0;
    for (int i = 0; i < parts * 1000; ++i) {
        const double x = (i + 0.5) / (parts * 1000);
        sum += std::sqrt(1 - x * x);
    }
    return sum / (parts * 1000);
}

/// Python's pools, in a python3 that is told what to do and how often.
class Python {
public:
    Python()
        : python_{{"python3", "-c", script},
                  {.std_in = subprocess::PIPE, .std_out = subprocess::PIPE}} {}
    ~Python() { python_.std_in.close(); }

    std::function<void(int)> doing(const std::string& what) {
        return [this, what](int times) {
            python_.std_in.write(what + ' ' + std::to_string(times) + '\n');
            python_.std_in.flush();
            bench::require(python_.std_out.readline() == "done\n");
        };
    }

private:
    static constexpr const char* script = R"(
import concurrent.futures, multiprocessing, sys
def twice(number):
    return 2 * number
def map_by_1():
    pool.map(twice, items, chunksize=1)
def map_all():
    pool.map(twice, items)
def submit():
    for future in [executor.submit(twice, i) for i in range(10_000)]:
        future.result()
def submit_one_by_one():
    for i in range(1_000):
        executor.submit(twice, i).result()
def make():
    pool = multiprocessing.Pool(2)
    pool.map(twice, [1])
    pool.close()
    pool.join()
items = range(100_000)
pool = multiprocessing.Pool(2)
executor = concurrent.futures.ProcessPoolExecutor(2)
for line in sys.stdin:
    what, times = line.split()
    for _ in range(int(times)):
        globals()[what]()
    print('done', flush=True)
pool.terminate()
)";

    subprocess::Popen python_;
};

/// Compares with Python, and prints how many are done in a second.
///
/// @param goals  How many times as many as Python's; and how many. 0 for none.
void compare_with_python(const std::string& title, double count,
                         const std::function<void(int)>& pythons,
                         const std::function<void(int)>& ours,
                         std::pair<double, double> goals) {
    const std::vector<bench::Contestant> contestants{{"Python", pythons},
                                                     {"pyproc", ours}};
    const auto results = bench::measure(contestants, {15, 60ms});
    const auto print = [](const char* what, double value, const char* unit, double goal) {
        std::printf("  %-42s %12.*f %s", what, *unit == 'x' ? 1 : 0, value, unit);
        if (goal > 0) {
            std::printf("   goal %.0f: %s", goal, value >= goal ? "reached" : "missed");
        }
        std::printf("\n");
    };
    std::printf("%s (median of 15 rounds)\n", title.c_str());
    print("Python", count / results[0].time * 1e6, "/s", 0);
    print("pyproc", count / results[1].time * 1e6, "/s", goals.second);
    print("pyproc over Python", 1 / results[1].ratio, "x", goals.first);
    std::fflush(stdout);
}

void compare_maps() {
    Pool pool(2);
    Python python;
    std::vector<int> items(item_count);
    std::iota(items.begin(), items.end(), 0);
    const auto map = [&](std::size_t chunksize) {
        return [&pool, &items, chunksize](int times) {
            for (int i = 0; i < times; ++i) {
                const auto doubled = pool.map({.chunksize = chunksize}, twice, items);
                bench::require(doubled.back() == 2 * (item_count - 1));
            }
        };
    };
    compare_with_python("Pool(2).map of 100,000 ints, chunk size 1", item_count,
                        python.doing("map_by_1"), map(1), {40, 1.5e6});
    compare_with_python("Pool(2).map of 100,000 ints, default chunk size", item_count,
                        python.doing("map_all"), map(0), {8, 30e6});
}

void compare_submits() {
    futures::ProcessPoolExecutor executor(2);
    Python python;
    const auto submit = [&](int times) {
        for (int run = 0; run < times; ++run) {
            std::vector<futures::Future<int>> all;
            all.reserve(task_count);
            for (int i = 0; i < task_count; ++i) all.push_back(executor.submit(twice, i));
            for (const auto& each : all) static_cast<void>(each.result());
        }
    };
    const auto one_by_one = [&](int times) {
        for (int i = 0; i < 1'000 * times; ++i) {
            static_cast<void>(executor.submit(twice, i).result());
        }
    };
    compare_with_python("ProcessPoolExecutor(2), 10,000 submits, then their results",
                        task_count, python.doing("submit"), submit, {80, 400e3});
    compare_with_python("ProcessPoolExecutor(2), submit and result 1,000 times in turn",
                        1'000, python.doing("submit_one_by_one"), one_by_one, {0, 0});
}

void compare_making() {
    Python python;
    const auto make = [] {
        Pool pool(2);
        const auto doubled = pool.map(twice, std::vector{1});
        bench::require(doubled.at(0) == 2);
        pool.close();
        pool.join();
    };
    const auto fork_two = [] {
        const pid_t children[] = {::fork(), ::fork()};
        if (children[0] == 0 || children[1] == 0) ::_exit(0);
        for (const pid_t child : children) bench::wait_for_success(child);
    };
    const auto results = bench::measure({{"fork", bench::each_time(fork_two)},
                                         {"pyproc", bench::each_time(make)},
                                         {"Python", python.doing("make"), 0, 3}},
                                        {21, 40ms});
    std::printf("make a pool of 2, one item, close, join (median of 21 rounds)\n");
    std::printf("  %-42s %11.1f us\n", "fork and wait for two processes",
                results[0].time);
    std::printf("  %-42s %11.1f us %8.3f x   goal 2000 us: %s\n", "pyproc",
                results[1].time, results[1].ratio,
                results[1].time <= 2000 ? "reached" : "missed");
    std::printf("  %-42s %11.1f us\n", "Python", results[2].time);
}

void compare_computing() {
    Pool pool(2);
    const std::vector<int> parts(64, 300);
    const auto serial = [&] {
        double sum = 0;
        for (const int each : parts) sum += integral(each);
        bench::require(sum > 0);
    };
    const auto parallel = [&] { bench::require(!pool.map(integral, parts).empty()); };
    const auto results = bench::measure(
        {{"serial", bench::each_time(serial)}, {"pyproc", bench::each_time(parallel)}},
        {15, 60ms});
    const double gain = 1 / results[1].ratio;
    std::printf("64 integrals (median of 15 rounds)\n");
    std::printf("  %-42s %11.1f us\n", "one after the other", results[0].time);
    std::printf("  %-42s %11.1f us %8.2f x as fast   goal 1.90: %s\n", "Pool(2).map",
                results[1].time, gain, gain >= 1.9 ? "reached" : "missed");
}

}  // namespace

int main() {
    compare_making();  // first, while there is least that a fork has to copy
    compare_maps();
    compare_submits();
    compare_computing();
}
