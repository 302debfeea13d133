// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/sharedctypes.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <limits>
#include <mutex>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <signal.h>
#include <unistd.h>

#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

struct Point {
    int x = 1;
    double y = 2.5;
    std::array<char, 8> name = {};
};

/// Runs it in a child, to its end.
template <class Target, class... Args>
void in_child(Target target, Args... args) {
    Process child(target, args...);
    child.start();
    child.join();
}

/// What the kernel says of the mapping that holds `address`; empty without /proc.
std::string mapping_of(const void* address) {
    std::ifstream maps{"/proc/self/maps"};
    const auto wanted = reinterpret_cast<unsigned long>(address);
    for (std::string line; std::getline(maps, line);) {
        unsigned long begin = 0;
        unsigned long end = 0;
        if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) != 2) continue;
        if (begin <= wanted && wanted < end) return line;
    }
    return {};
}

}  // namespace

TEST_CASE("RawValue: what a child writes, its parent reads, and the reverse") {
    const RawValue<int> value(7);

    in_child([&] { value.value() *= 6; });

    CHECK(value.value() == 42);
}

TEST_CASE("RawValue: a copy stands for the same object, in a child's arguments too") {
    const RawValue<double> value(1.5);
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is tested
    const RawValue<double> copy = value;

    in_child([](const RawValue<double>& same) { same.value() += 1; }, copy);

    CHECK(value.value() == 2.5);
}

TEST_CASE("RawValue: without arguments it is zero, or what its class makes it") {
    CHECK(RawValue<std::int64_t>().value() == 0);
    CHECK(RawValue<Point>().value().y == 2.5);
    CHECK(RawValue<Point>(Point{.x = 5}).value().x == 5);
    CHECK(RawValue('c').value() == 'c');
}

TEST_CASE("RawValue: an atomic counts what many processes add") {
    const RawValue<std::atomic<int>> counter(0);
    constexpr int processes = 4;
    constexpr int rounds = 10'000;

    std::vector<Process> children;
    children.reserve(processes);
    for (int i = 0; i < processes; ++i) {
        children.emplace_back([=] {
            for (int round = 0; round < rounds; ++round) ++counter.value();
        });
    }
    for (Process& child : children) child.start();
    for (Process& child : children) child.join();

    CHECK(counter.value() == processes * rounds);
}

TEST_CASE("RawValue: a struct whose members can't all be seen may be shared") {
    struct Nameless {
        int kind;
        union {
            int whole;
            void* other;
        };
    };
    struct Base {
        int number = 1;
    };
    struct Derived : Base {
        std::atomic<int> count;
        unsigned bits : 3;
        char text[4][4];
    };
    const RawValue<Nameless> either;
    const RawValue<Derived> derived;

    in_child([=] {
        either.value().whole = 3;
        derived.value().count = derived.value().number + 1;
    });

    CHECK(either.value().whole == 3);
    CHECK(derived.value().count == 2);
}

TEST_CASE("RawValue: it outlives the one who made it, in its children") {
    const RawValue<int> outer(0);

    in_child([&] {
        const RawValue<int> inner(3);
        in_child([&] { ++inner.value(); });
        outer.value() = inner.value();
    });

    CHECK(outer.value() == 4);
}

TEST_CASE("RawArray: it is a contiguous range, of zeros, of a list or of a range") {
    const RawArray<int> zeros(3);
    const RawArray<int> listed({2, 3, 5});
    const RawArray<int> one{3};
    const RawArray<char> text(std::string("text"));
    const RawArray<double> converted(std::vector<float>{1.5F});
    static_assert(std::ranges::contiguous_range<RawArray<int>>);

    CHECK(std::ranges::equal(zeros, std::array{0, 0, 0}));
    CHECK(std::ranges::equal(listed, std::array{2, 3, 5}));
    CHECK(one.size() == 1);
    CHECK(std::string(text.begin(), text.end()) == "text");
    CHECK(converted[0] == 1.5);
    CHECK(std::span<int>{listed}.size() == 3);
    CHECK(RawArray<Point>(2)[1].y == 2.5);
    CHECK(RawArray<int>(0).empty());
}

TEST_CASE("RawArray: what a child writes, its parent reads, by a copy too") {
    const RawArray<int> array(1000);

    in_child([copy = array] { std::iota(copy.begin(), copy.end(), 0); });

    CHECK(array[0] == 0);
    CHECK(array.at(999) == 999);
    CHECK_THROWS_AS(array.at(1000), std::out_of_range);
}

TEST_CASE("RawValue, RawArray: what was moved from stands for the same memory still") {
    RawValue<int> value(7);
    RawArray<int> array({1, 2});
    Array<int> locked({3});

    const RawValue<int> moved_value = std::move(value);
    const RawArray<int> moved_array = std::move(array);
    const Array<int> moved_locked = std::move(locked);

    // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
    CHECK(&value.value() == &moved_value.value());
    CHECK(std::accumulate(array.begin(), array.end(), 0) == 3);
    CHECK(locked[0] == moved_locked[0]);
    CHECK(&locked.get_lock() == &moved_locked.get_lock());
    // NOLINTEND(bugprone-use-after-move)
}

TEST_CASE("RawArray: more than there is memory for is refused when it is made") {
    constexpr std::size_t addressable = std::size_t{1} << 46;
    std::ifstream setting{"/proc/sys/vm/overcommit_memory"};
    int overcommit = 1;
    setting >> overcommit;
    if (overcommit == 1) return;  // the system promises anything

    CHECK_THROWS_AS(RawArray<char>(addressable), OSError);
    CHECK_THROWS_AS(Array<double>(addressable / sizeof(double)), OSError);
}

TEST_CASE("RawArray: sizes that no memory has are exceptions") {
    CHECK_THROWS_AS(RawArray<int>(std::numeric_limits<std::size_t>::max()), ValueError);
    CHECK_THROWS_AS(RawArray<char>(std::numeric_limits<std::size_t>::max() / 4), OSError);
}

TEST_CASE("RawArray: it has no name in /dev/shm, and a kill does not damage it") {
    const RawArray<char> array(1 << 20);

    in_child([&] {
        array[0] = 'x';
        ::kill(::getpid(), SIGKILL);
    });

    CHECK(array[0] == 'x');
    CHECK_THAT(mapping_of(array.data()), !test::Contains("/dev/shm"));
}

TEST_CASE(
    "Value, Array: the lock may be held twice by its owner, unless told otherwise") {
    const Value<int> value(0);
    const Array<int> array(2);
    STATIC_REQUIRE(std::is_same_v<decltype(value.get_lock()), RLock&>);
    STATIC_REQUIRE(std::is_same_v<decltype(array.get_lock()), RLock&>);

    const std::scoped_lock outer{value.get_lock(), array.get_lock()};
    const std::scoped_lock inner{value.get_lock(), array.get_lock()};

    in_child([=] { value.value() = value.get_lock().try_lock() ? 1 : 2; });
    CHECK(value.value() == 2);
}

TEST_CASE("Value, Array: the death of who holds the lock is told, and hands it on") {
    const Value<int> value(0);
    const Array<int> array(2);
    const auto die_with = [](auto& lock) {
        in_child([&] {
            lock.lock();
            lock.lock();
            ::kill(::getpid(), SIGKILL);
        });
    };

    die_with(value.get_lock());
    die_with(array.get_lock());

    REQUIRE(value.get_lock().acquire(10s));
    REQUIRE(array.get_lock().acquire(10s));
    CHECK(value.get_lock().owner_died());
    CHECK(array.get_lock().owner_died());
    value.get_lock().unlock();
    array.get_lock().unlock();
}

TEST_CASE("Value, Array: copies have the same lock") {
    struct Counting {
        int number = 0;
    };
    const Value<int, Counting> value(5);
    const Array<int, Counting> array({1, 2});
    // NOLINTNEXTLINE(performance-unnecessary-copy-initialization): the copy is tested
    const auto copy = value;

    ++copy.get_lock().number;

    CHECK(value.value() == 5);
    CHECK(value.get_lock().number == 1);
    CHECK(array.size() == 2);
    CHECK(Array<int, Counting>(std::vector<int>{7})[0] == 7);
    CHECK(array.get_lock().number == 0);
}
