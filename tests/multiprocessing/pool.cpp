// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <forward_list>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <numeric>
#include <optional>
#include <ranges>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using test::long_enough;
using test::numbers;
using test::squares;

namespace {

struct Person {
    std::string name;
    std::vector<double> marks;
    friend bool operator==(const Person&, const Person&) = default;
};

/// A function object whose state travels.
struct Scale {
    double factor;
    std::string unit;
    std::string operator()(double value) const {
        std::ostringstream text;
        text << value * factor << unit;
        return text.str();
    }
};

struct OwnError {
    int code;
};

int global = 0;

}  // namespace

/// One that can't be written, or read, if it says so.
class Stubborn {
public:
    enum Fault { none, in_write, in_read };

    explicit Stubborn(Fault fault = none) : fault_{fault} {}
    [[nodiscard]] Fault fault() const { return fault_; }

private:
    Fault fault_;
};

template <>
struct pyproc::multiprocessing::Serializer<Stubborn> {
    static void write(Writer& writer, const Stubborn& value) {
        if (value.fault() == Stubborn::in_write) throw std::domain_error{"not written"};
        writer(value.fault());
    }
    static Stubborn read(Reader& reader) {
        const auto fault = reader.read<Stubborn::Fault>();
        if (fault == Stubborn::in_read) throw std::domain_error{"not read"};
        return Stubborn{fault};
    }
};

TEST_CASE("Pool: what can't be written or read, there or back, fails its task alone") {
    Pool pool(1);
    const auto make = [](int fault) {
        return Stubborn{static_cast<Stubborn::Fault>(fault)};
    };
    const auto look = [](const Stubborn& value) {
        return static_cast<int>(value.fault());
    };

    for (const int fault : {1, 2}) {
        const std::string message = fault == 1 ? "not written" : "not read";
        CHECK(test::thrown_by([&] { pool.apply(make, fault); }) == message);
        CHECK(test::thrown_by([&] { pool.map(make, std::vector{0, fault}); }) == message);
        CHECK(test::thrown_by([&] { pool.apply(look, make(fault)); }) == message);
        auto each = pool.imap(make, std::vector{fault, 0});
        CHECK(test::thrown_by([&] { static_cast<void>(each.next()); }) == message);
        CHECK(each.next()->fault() == Stubborn::none);
    }
    CHECK(pool.apply(test::square, 3) == 9);
}

TEST_CASE("Pool: apply gives what a function returns in another process") {
    Pool pool(2);

    CHECK(pool.apply(test::square, 7) == 49);
    CHECK(pool.apply(test::pid_of_worker, 0) != ::getpid());
}

TEST_CASE("Pool: arguments and results may be of any type that travels") {
    Pool pool(1);
    const Person ada{"Ada", {1.5, 2.5}};

    const auto doubled = pool.apply(
        [](Person person, const std::map<std::string, int>& more, const char* suffix) {
            person.name += suffix;
            for (const auto& [name, mark] : more) person.marks.push_back(mark);
            return std::pair{person, more.size()};
        },
        ada, std::map<std::string, int>{{"x", 3}}, "!");

    CHECK(doubled.first == Person{"Ada!", {1.5, 2.5, 3}});
    CHECK(doubled.second == 1);
}

TEST_CASE("Pool: a function object takes its state with it") {
    Pool pool(2);

    CHECK(pool.apply(Scale{2.0, "m"}, 1.5) == "3m");
    CHECK(pool.map(Scale{10, "s"}, std::vector{1.0, 2.0}) ==
          std::vector<std::string>{"10s", "20s"});
}

TEST_CASE("Pool: a member function is called on the object that comes with it") {
    Pool pool(1);

    CHECK(pool.apply(&Scale::operator(), Scale{3, "kg"}, 2.0) == "6kg");
}

TEST_CASE("Pool: results that can only be moved arrive") {
    Pool pool(2);
    const auto make = [](int n) { return std::make_unique<int>(n); };

    const std::unique_ptr<int> one = pool.apply(make, 5);
    const auto several = pool.map(make, numbers(9));
    int sum = 0;
    for (const auto& each : pool.imap(make, numbers(4))) sum += *each;

    CHECK(*one == 5);
    CHECK(*several[8] == 8);
    CHECK(sum == 6);
}

TEST_CASE("Pool: what a task throws arrives as itself, or with its type and message") {
    Pool pool(1);

    CHECK_THROWS_AS(pool.apply([] { throw std::out_of_range{"far"}; }),
                    std::out_of_range);
    CHECK(test::thrown_by([&] { pool.apply([] { throw std::out_of_range{"far"}; }); }) ==
          "far");
    CHECK_THROWS_AS(pool.apply([] {
        throw FileNotFoundError{ENOENT, "open", "x"};
    }),
                    FileNotFoundError);
    try {
        pool.apply([] { throw OwnError{3}; });
        FAIL("nothing was thrown");
    } catch (const RemoteError& error) {
        CHECK_THAT(error.type_name(), test::EndsWith("OwnError"));
        CHECK(error.message().empty());
    }
    CHECK_THROWS_AS(pool.apply([] { throw 5; }), RemoteError);
    CHECK(pool.apply(test::square, 2) == 4);
}

TEST_CASE("Pool: close lets what is there be done, takes no more, and join waits") {
    Pool pool(2);
    const auto results = pool.map_async(test::square, numbers(100));

    CHECK(test::thrown_by([&] { pool.join(); }) == "Pool is still running");
    pool.close();
    CHECK(test::thrown_by([&] { pool.apply(test::square, 1); }) == "Pool not running");
    CHECK(test::thrown_by([&] {
              static_cast<void>(pool.imap(test::square, numbers(1)));
          }) == "Pool not running");
    CHECK(test::thrown_by([&] { pool.map(test::square, numbers(0)); }) ==
          "Pool not running");
    pool.join();
    pool.join();

    CHECK(results.ready());
    CHECK(results.get() == squares(100));
    CHECK(pool.pids().empty());
}

TEST_CASE("Pool: terminate ends what is being done, and all who wait are told so") {
    const test::OpenChannel begun;
    Pool pool(1);
    const auto running = pool.apply_async(test::begin_and_never_end);
    const auto waiting = pool.apply_async(test::square, 2);
    begun->await();

    pool.terminate();
    pool.terminate();
    pool.join();

    CHECK_THROWS_AS(running.get(), PoolTerminated);
    CHECK_THROWS_AS(waiting.get(), PoolTerminated);
    CHECK(pool.pids().empty());
}

TEST_CASE("Pool: its destructor terminates it while other threads wait on results") {
    const test::OpenChannel begun;
    std::vector<std::thread> waiting;
    std::atomic<int> told = 0;
    {
        Pool pool(1);
        for (int i = 0; i < 4; ++i) {
            waiting.emplace_back(
                [&told, result = pool.apply_async(test::begin_and_never_end)] {
                    try {
                        static_cast<void>(result.get());
                    } catch (const PoolTerminated&) {
                        ++told;
                    }
                });
        }
        begun->await();
    }
    for (auto& thread : waiting) thread.join();

    CHECK(told == 4);
}

TEST_CASE("Pool: what its initializer has captured, each worker has, and so its tasks") {
    const std::string text = "captured";
    Pool pool({.initializer = [&text] { global = static_cast<int>(text.size()); },
               .processes = 2});

    const auto seen = pool.map(
        {.chunksize = 1}, [](int) { return global; }, numbers(20));

    CHECK(std::ranges::all_of(seen, [](int n) { return n == 8; }));
    CHECK(global == 0);
}

TEST_CASE("Pool: what an initializer throws, all tasks fail with") {
    Pool pool(
        {.initializer = [] { throw std::length_error{"cannot begin"}; }, .processes = 2});

    CHECK(test::thrown_by([&] { pool.apply(test::square, 1); }) == "cannot begin");
    CHECK_THROWS_AS(pool.map(test::square, numbers(10)), std::length_error);
    pool.close();
    pool.join();
}

TEST_CASE("Pool: an initializer that ends its worker by SystemExit does not hang it") {
    Pool pool({.initializer = [] { throw SystemExit{4}; }, .processes = 1});

    CHECK_THAT(test::thrown_by([&] { pool.apply(test::square, 1); }),
               test::Contains("ended with exit code 4"));
}

TEST_CASE("Pool: after max_tasks_per_child tasks another worker takes over") {
    Pool pool({.max_tasks_per_child = 3, .processes = 1});

    std::map<pid_t, int> tasks;
    for (int i = 0; i < 12; ++i) ++tasks[pool.apply(test::pid_of_worker, 0)];

    CHECK(tasks.size() == 4);
    CHECK(std::ranges::all_of(tasks, [](const auto& each) { return each.second == 3; }));
}

TEST_CASE("Pool: fewer than one process, or task of one, is refused") {
    CHECK(test::thrown_by([] { Pool pool(0); }) ==
          "Number of processes must be at least 1");
    CHECK_THROWS_AS(Pool(-3), ValueError);
    CHECK_THROWS_AS(Pool({.max_tasks_per_child = 0, .processes = 1}), ValueError);
}

TEST_CASE("Pool: one that has been moved from says so, and may be assigned to") {
    Pool first(1);
    Pool second{std::move(first)};

    CHECK(second.apply(test::square, 2) == 4);
    CHECK_THROWS_AS(first.apply(test::square, 2), std::logic_error);
    CHECK_THROWS_AS(first.close(), std::logic_error);
    CHECK_THROWS_AS(first.join(), std::logic_error);
    CHECK_THROWS_AS(first.pids(), std::logic_error);
    first = Pool{1};
    CHECK(first.apply(test::square, 3) == 9);
    first = std::move(second);
    CHECK(first.apply(test::square, 4) == 16);
}

TEST_CASE("Pool: a task can't use the pool that does it") {
    static std::optional<Pool> pool;
    // What replaces the first worker has a copy of the pool, made by then.
    pool.emplace(PoolOptions{.max_tasks_per_child = 1, .processes = 1});
    pool->apply(test::square, 1);

    CHECK_THROWS_AS(pool->apply([] { return pool->apply(test::square, 1); }),
                    std::logic_error);
    pool.reset();
}

TEST_CASE("Pool: a daemon, and so a task, can't have one, and a child that is none can") {
    Pool pool(1);
    CHECK(test::thrown_by([&] { pool.apply([] { Pool inner(1); }); }) ==
          "daemonic processes are not allowed to have children");

    Process process([] {
        Pool inner(2);
        throw SystemExit{inner.apply(test::square, 5)};
    });
    process.start();
    process.join();
    CHECK(process.exitcode() == 25);
}
