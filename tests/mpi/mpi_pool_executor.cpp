// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/mpi_pool_executor.hpp"

#include <pyproc/futures.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "support/catch.hpp"
#include "support/counting.hpp"
#include "support/mpi.hpp"

using namespace pyproc;
using mpi::MpiPoolExecutor;

namespace {

int twice(int n) {
    return 2 * n;
}

int add(int left, int right) {
    return left + right;
}

std::string repeat(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t i = 0; i < times; ++i) all += text;
    return all;
}

int apply(int (*function)(int), int n) {
    return function(n);
}

class MyError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

int fail(const std::string& how) {
    if (how == "invalid") throw std::invalid_argument{"not valid"};
    if (how == "system") throw FileNotFoundError{ENOENT, "open", "/no/such/file"};
    if (how == "mine") throw MyError{"my own"};
    throw multiprocessing::SystemExit{3};
}

struct Shape {
    double width;
    double height;
    [[nodiscard]] double area() const { return width * height; }
};

int of_initializer = 0;

void initialize() {
    of_initializer = 17;
}

struct InitializeTo {
    int value;
    std::string padding;
    void operator()() const { of_initializer = value + static_cast<int>(padding.size()); }
};

int initialized() {
    return of_initializer;
}

void fail_to_initialize() {
    throw std::domain_error{"no start"};
}

MpiPoolExecutor make(mpi::MpiPoolExecutorOptions options = {}) {
    return MpiPoolExecutor{test::session(), std::move(options)};
}

/// Does something whenever it is read.
struct Curious {
    static inline std::function<void()> when_read = [] {};
};

Curious curious_after(const std::string& gate) {
    test::Gate::pass(gate);
    return {};
}

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<Curious> {
    static void write(Writer&, const Curious&) {}
    static Curious read(Reader&) {
        Curious::when_read();
        return {};
    }
};

TEST_CASE("submit: functions, lambdas and member functions are called over there") {
    MpiPoolExecutor executor = make();

    CHECK(executor.submit(twice, 21).result() == 42);
    CHECK(executor.submit([](int n) { return n + 1; }, 1).result() == 2);
    CHECK(executor.submit(&Shape::area, Shape{2, 3}).result() == Approx(6));
    CHECK(executor.submit(repeat, "ab", std::size_t{3}).result() == "ababab");
    executor.submit([] {}).result();
}

TEST_CASE("submit: a function may be an argument") {
    MpiPoolExecutor executor = make();

    CHECK(executor.submit(apply, &twice, 4).result() == 8);
    const std::vector<int (*)(int)> functions{twice, [](int n) { return n * n; }};
    std::vector<int> results;
    for (int n :
         executor.map([](int (*function)(int)) { return function(5); }, functions)) {
        results.push_back(n);
    }
    CHECK(results == std::vector{10, 25});
}

TEST_CASE("a function of a shared library is refused, wherever it stands in the call") {
    MpiPoolExecutor executor = make();
    int (*const in_library)(int) = ::abs;

    if (mpi::detail::Program::of_this_process().has_code_at(
            reinterpret_cast<std::uintptr_t>(in_library))) {
        return;  // linked so that the program has an address of its own for it
    }
    CHECK_THROWS_AS(executor.submit(in_library, 1), ValueError);
    CHECK_THROWS_AS(executor.submit(apply, in_library, 1), ValueError);
    auto results = executor.map(in_library, std::vector{1, 2});
    CHECK_THROWS_AS(results.next(), ValueError);
    CHECK(executor.submit([](int n) { return std::abs(n); }, -1).result() == 1);
}

TEST_CASE("map: the results come in order, for every size of chunks") {
    MpiPoolExecutor executor = make();
    std::vector<int> items(3000);
    std::iota(items.begin(), items.end(), 0);

    for (const std::size_t size : {1U, 7U, 1000U, 5000U}) {
        int next = 0;
        for (int n : executor.map({.chunksize = size}, twice, items)) {
            if (n != 2 * next) FAIL("item " << next << " gave " << n);
            ++next;
        }
        CHECK(next == 3000);
    }
}

TEST_CASE("map: several ranges are taken side by side; an endless one as it goes") {
    MpiPoolExecutor executor = make();

    std::vector<int> sums;
    for (int n : executor.map(add, std::vector{1, 2, 3}, std::vector{10, 20})) {
        sums.push_back(n);
    }
    CHECK(sums == std::vector{11, 22});

    auto endless = executor.map({.buffersize = 10}, twice, test::Counting{0});
    for (int i = 0; i < 100; ++i) CHECK(endless.next() == 2 * i);
}

TEST_CASE("what a task throws arrives as with a pool of processes") {
    MpiPoolExecutor executor = make();

    CHECK_THROWS_AS(executor.submit(fail, "invalid").result(), std::invalid_argument);
    try {
        executor.submit(fail, "system").result();
        FAIL();
    } catch (const FileNotFoundError& error) {
        CHECK(error.filename() == "/no/such/file");
    }
    try {
        executor.submit(fail, "mine").result();
        FAIL();
    } catch (const futures::RemoteError& error) {
        CHECK(error.message() == "my own");
        CHECK_THAT(error.type_name(), test::EndsWith("MyError"));
    }
    CHECK_THROWS_AS(executor.submit(fail, "exit").result(), futures::RemoteError);
    CHECK(executor.submit(twice, 1).result() == 2);
}

TEST_CASE("calls and results may be large") {
    MpiPoolExecutor executor = make();
    for (const std::size_t size : {3900U, 4000U, 4100U, 65536U, 5'000'000U}) {
        const std::string text(size, 'x');

        CHECK(executor.submit(repeat, text, std::size_t{2}).result().size() == 2 * size);
    }
}

TEST_CASE("many large calls and results at once all arrive") {
    MpiPoolExecutor executor = make();
    const std::vector<std::size_t> sizes(100, 300'000);

    std::size_t count = 0;
    for (const std::string& text :
         executor.map([](std::size_t size) { return std::string(size, 'y'); }, sizes)) {
        CHECK(text.size() == 300'000);
        ++count;
    }
    CHECK(count == 100);
}

TEST_CASE("as_completed and wait: each future comes once") {
    MpiPoolExecutor executor = make();
    std::vector<futures::Future<int>> all;
    for (int i = 0; i < 50; ++i) all.push_back(executor.submit(twice, i));

    int sum = 0;
    for (const auto& each : futures::as_completed(all)) sum += each.result();

    CHECK(sum == 2450);
    CHECK(futures::wait(all).done.size() == 50);
}

TEST_CASE("add_done_callback: it is called, and may submit another call") {
    const test::Gate gate;
    MpiPoolExecutor executor = make();
    std::atomic<int> answer = 0;
    executor.submit(twice, 2).add_done_callback([&](futures::Future<int> done) {
        executor.submit(twice, done.result()).add_done_callback([&](auto again) {
            answer = again.result();
            gate.open();
        });
    });

    test::Gate::pass(gate.path());

    CHECK(answer == 8);
}

TEST_CASE("add_done_callback: it may wait for another call") {
    const test::Gate gate;
    MpiPoolExecutor executor = make();
    std::atomic<int> answer = 0;
    executor.submit(twice, 2).add_done_callback([&](futures::Future<int> done) {
        answer = executor.submit(twice, done.result()).result();
        gate.open();
    });

    test::Gate::pass(gate.path());

    CHECK(answer == 8);
}

TEST_CASE("add_done_callback: it can't make the next executor, and is told so") {
    const test::Gate first_may_end;
    const test::Gate gate;
    MpiPoolExecutor executor = make();
    std::atomic<bool> is_refused = false;
    executor.submit(test::Gate::pass, first_may_end.path()).add_done_callback([&](auto) {
        executor.shutdown(false);
        try {
            const MpiPoolExecutor next = make();
        } catch (const std::logic_error&) {
            is_refused = true;
        }
        gate.open();
    });
    first_may_end.open();

    test::Gate::pass(gate.path());

    CHECK(is_refused);
}

TEST_CASE("what reads a result can't use the executor meanwhile, and is told so") {
    MpiPoolExecutor executor = make();
    futures::Future<void> other;
    const std::vector<std::function<void()>> uses{
        [&] { executor.submit(twice, 1); },
        [&] { static_cast<void>(executor.map(twice, std::vector{1})); },
        [&] { other.result(); },
        [&] { static_cast<void>(other.running()); },
        [&] { other.cancel(); },
        [&] { executor.shutdown(); },
        [&] { static_cast<void>(make()); }};
    for (const auto& use : uses) {
        const test::Gate go;
        const test::Gate end;
        Curious::when_read = use;
        const auto future = executor.submit(curious_after, go.path());
        other = executor.submit(test::Gate::pass, end.path());

        go.open();

        CHECK_THROWS_AS(future.result(), std::logic_error);
        end.open();
        other.result();
    }
    CHECK(executor.submit(twice, 1).result() == 2);
}

TEST_CASE("shutdown waits for callbacks, whichever thread calls them") {
    const test::Gate gate;
    std::atomic<bool> is_called = false;
    std::atomic<bool> is_told = false;
    MpiPoolExecutor executor = make();
    const auto running = executor.submit(test::Gate::pass, gate.path());
    std::vector<futures::Future<int>> waiting;
    while (waiting.empty() || waiting.back().running()) {
        waiting.push_back(executor.submit(twice, 1));
    }
    waiting.back().add_done_callback([&](auto) {
        is_called = true;
        // Far longer than what is left of the other thread's shutdown.
        std::this_thread::sleep_for(std::chrono::milliseconds{100});
        is_told = true;
    });
    std::thread canceller{[&] { executor.shutdown(false, true); }};
    while (!is_called) std::this_thread::yield();
    gate.open();

    executor.shutdown();

    CHECK(is_told);
    canceller.join();
}

TEST_CASE("any thread may submit and wait") {
    MpiPoolExecutor executor = make();
    std::atomic<int> wrong = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 200; ++i) {
                if (executor.submit(add, t, i).result() != t + i) ++wrong;
            }
        });
    }
    for (std::thread& each : threads) each.join();

    CHECK(wrong == 0);
}

TEST_CASE("an initializer is called by each worker before its first call") {
    {
        MpiPoolExecutor executor = make({.initializer = initialize});
        for (int n :
             executor.map([](int) { return initialized(); }, std::vector<int>(100))) {
            CHECK(n == 17);
        }
    }
    MpiPoolExecutor executor =
        make({.initializer = InitializeTo{5, std::string(10'000, 'x')}});
    CHECK(executor.submit(initialized).result() == 10'005);
}

TEST_CASE("an initializer that throws breaks the executor, and not the next one") {
    {
        MpiPoolExecutor executor = make({.initializer = fail_to_initialize});
        try {
            const auto future = executor.submit(twice, 1);
            CHECK_THROWS_AS(future.result(), futures::BrokenExecutor);
        } catch (const futures::BrokenExecutor&) {
            // It was broken before the call was submitted.
        }
        while (true) {
            try {
                static_cast<void>(executor.submit(twice, 1));
            } catch (const futures::BrokenExecutor& error) {
                CHECK_THAT(error.what(), test::Contains("no start"));
                break;
            }
        }
    }
    CHECK(make().submit(twice, 4).result() == 8);
}

TEST_CASE("a timeout is refused, and retries are taken for nothing") {
    MpiPoolExecutor executor = make();

    CHECK_THROWS_AS(executor.submit({.timeout = std::chrono::seconds{1}}, twice, 1),
                    ValueError);
    CHECK(executor.submit({.retries = 3}, twice, 1).result() == 2);
}

TEST_CASE("after shutdown no call is taken") {
    MpiPoolExecutor executor = make();
    auto future = executor.submit(twice, 1);

    executor.shutdown();

    CHECK(future.done());
    CHECK(future.result() == 2);
    CHECK_THROWS_AS(executor.submit(twice, 1), std::runtime_error);
    CHECK_THROWS_AS(executor.map(twice, std::vector{1}), std::runtime_error);
}

TEST_CASE("an executor that nobody gave anything to do ends") {
    const MpiPoolExecutor executor = make();

    CHECK(executor.num_workers() ==
          std::max(static_cast<unsigned>(test::session().size()), 2U) - 1);
}
