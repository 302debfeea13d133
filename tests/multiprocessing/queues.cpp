// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/queues.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <map>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

struct Order {
    int number;
    std::string customer;
    std::vector<double> prices;

    friend bool operator==(const Order&, const Order&) = default;
};

struct Refusing {
    int value = 0;
};

bool is_without_memory = false;

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<Refusing> {
    static void write(Writer& writer, const Refusing& refusing) {
        if (refusing.value < 0) throw std::runtime_error{"can't be written"};
        writer.write(&refusing.value, sizeof refusing.value);
    }
    static Refusing read(Reader& reader) {
        Refusing refusing;
        reader.read(&refusing.value, sizeof refusing.value);
        if (refusing.value == 13) throw DecodeError{"unlucky"};
        if (refusing.value == 14) throw std::runtime_error{"can't be read"};
        if (refusing.value == 15) throw 15;
        if (refusing.value == 16 && is_without_memory) throw std::bad_alloc{};
        return refusing;
    }
};

TEST_CASE("Queue: values come out as they went in, of any type that travels") {
    Queue<Order> orders;
    Queue<std::map<std::string, std::array<int, 3>>> tables;
    Queue<int> numbers;
    const Order order{7, "Ada", {1.5, 2.5}};

    orders.put(order);
    tables.put({{"a", {1, 2, 3}}, {"b", {4, 5, 6}}});
    numbers.put(1);
    numbers.put(2);

    CHECK(orders.get() == order);
    CHECK(tables.get().at("b")[2] == 6);
    CHECK(numbers.get() == 1);
    CHECK(numbers.get() == 2);
}

TEST_CASE("Queue: a child and its parent use the same one, captured, copied or passed") {
    Queue<std::string> to_child;
    Queue<std::string> to_parent;
    Process child(
        [](Queue<std::string> in, Queue<std::string> out) { out.put(in.get() + '!'); },
        to_child, to_parent);
    child.start();

    to_child.put("hello");

    CHECK(to_parent.get() == "hello!");
    child.join();
    CHECK(child.exitcode() == 0);
}

TEST_CASE("Queue: with nothing in it get waits, for so long, or not at all") {
    Queue<int> queue;

    CHECK(queue.empty());
    CHECK_THROWS_AS(queue.get_nowait(), Empty);
    CHECK_THROWS_AS(queue.get(5ms), Empty);

    std::thread producer{[queue]() mutable { queue.put(5); }};
    CHECK(queue.get() == 5);
    producer.join();
}

TEST_CASE(
    "Queue: maxsize counts values, and put waits for room, for so long, or not at all") {
    Queue<std::string> queue{2};

    queue.put(std::string(100'000, 'x'));
    CHECK_FALSE(queue.full());
    queue.put_nowait("");
    CHECK(queue.full());
    CHECK(queue.qsize() == 2);
    CHECK_THROWS_AS(queue.put_nowait("x"), Full);
    CHECK_THROWS_AS(queue.put("x", 5ms), Full);

    std::thread consumer{[queue]() mutable { static_cast<void>(queue.get()); }};
    queue.put("x");
    consumer.join();
    CHECK(queue.get().empty());
    CHECK(queue.get() == "x");
}

TEST_CASE(
    "Queue: put of 8 MiB with nobody to read returns, and the process can be joined") {
    Queue<std::string> queue;
    const std::string large(8 << 20, 'x');
    Process child([&] { queue.put(large); });

    child.start();
    child.join();

    CHECK(child.exitcode() == 0);
    CHECK(queue.get() == large);
}

TEST_CASE("Queue: what was put is there, though the process that put it was killed") {
    Queue<int> queue;
    Process child([queue]() mutable {
        for (int i = 0; i < 3; ++i) queue.put(i);
        ::kill(::getpid(), SIGKILL);
    });

    child.start();
    child.join();

    CHECK(queue.qsize() == 3);
    for (int i = 0; i < 3; ++i) CHECK(queue.get() == i);
}

TEST_CASE("Queue: one that waits in get may be killed, and another gets the value") {
    Queue<int> queue;
    Queue<int> started;
    Process waiting([queue, started]() mutable {
        started.put(1);
        static_cast<void>(queue.get());
    });
    waiting.start();
    static_cast<void>(started.get());
    waiting.kill();
    waiting.join();

    queue.put(1);

    CHECK(queue.get(1h) == 1);
}

TEST_CASE("Queue: a value that can't be written is not put, and the queue goes on") {
    Queue<Refusing> queue;

    CHECK_THROWS_AS(queue.put({-1}), std::runtime_error);
    CHECK(queue.empty());
    queue.put({2});

    CHECK(queue.get().value == 2);
}

TEST_CASE("Queue: a message that is no value is an error once, and the next comes out") {
    Queue<Refusing> queue;
    for (const int value : {13, 14, 15, 20}) queue.put({value});

    CHECK_THROWS_AS(queue.get(), DecodeError);
    CHECK_THROWS_AS(queue.get(), std::runtime_error);
    CHECK_THROWS_AS(queue.get(), int);

    CHECK(queue.get().value == 20);
}

TEST_CASE("Queue: a value for which there was no memory is still there") {
    Queue<Refusing> queue;
    queue.put({16});
    is_without_memory = true;
    CHECK_THROWS_AS(queue.get(), std::bad_alloc);
    is_without_memory = false;

    CHECK(queue.get().value == 16);
}

TEST_CASE("Queue: without a limit put_nowait never finds it full, whoever puts as well") {
    Queue<int> queue;
    std::vector<std::thread> producers;
    std::atomic<int> full{0};
    for (int p = 0; p < 4; ++p) {
        producers.emplace_back([&full, queue]() mutable {
            for (int i = 0; i < 2000; ++i) {
                try {
                    queue.put_nowait(i);
                } catch (const Full&) {
                    ++full;
                }
            }
        });
    }
    for (std::thread& producer : producers) producer.join();

    CHECK(full == 0);
    CHECK(queue.qsize() == 8000);
}

TEST_CASE("Queue: a closed one is a ValueError, and other copies go on") {
    Queue<int> queue;
    Queue<int> other = queue;

    queue.close();
    queue.close();

    CHECK_THROWS_WITH(queue.put(1), "Queue is closed");
    CHECK_THROWS_AS(queue.get(), ValueError);
    CHECK_THROWS_AS(queue.qsize(), ValueError);
    CHECK_THROWS_AS(queue.empty(), ValueError);
    other.put(1);
    CHECK(other.get() == 1);
}

TEST_CASE("Queue: it has no descriptor, and its memory goes with the last that uses it") {
    const auto before = test::open_descriptors();
    for (int i = 0; i < 2000; ++i) {
        Queue<int> queue;
        queue.put(i);
    }

    Queue<int> queue;

    CHECK(test::open_descriptors() == before);
    CHECK(queue.empty());
}

TEST_CASE("JoinableQueue: join waits until each value has been dealt with") {
    JoinableQueue<int> queue;
    queue.put(1);
    queue.put(2);
    CHECK_FALSE(queue.join(1ms));

    Process worker([queue]() mutable {
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(queue.get());
            queue.task_done();
        }
    });
    worker.start();
    queue.join();

    CHECK(queue.empty());
    worker.join();
}

TEST_CASE("JoinableQueue: more values done than were put are a ValueError") {
    JoinableQueue<int> queue;
    CHECK(queue.join(0s));
    CHECK_THROWS_WITH(queue.task_done(), "task_done() called too many times");

    queue.put(1);
    CHECK(queue.get() == 1);
    queue.task_done();

    CHECK_THROWS_AS(queue.task_done(), ValueError);
    CHECK(queue.join(0s));
}

TEST_CASE("JoinableQueue: one that is closed can be joined, and what was got be done") {
    JoinableQueue<int> queue;
    queue.put(1);
    CHECK(queue.get() == 1);

    queue.close();

    CHECK_THROWS_AS(queue.put(2), ValueError);
    CHECK_THROWS_AS(queue.get(), ValueError);
    CHECK_FALSE(queue.join(0s));
    queue.task_done();
    CHECK_THROWS_AS(queue.task_done(), ValueError);
    CHECK(queue.join(0s));
}

TEST_CASE("SimpleQueue: put, get, empty and close") {
    SimpleQueue<std::string> queue;
    CHECK(queue.empty());
    queue.put("x");
    CHECK_FALSE(queue.empty());

    CHECK(queue.get() == "x");
    queue.close();
    CHECK_THROWS_AS(queue.empty(), ValueError);
}

namespace {

/// Takes 256 gibibytes.
struct Enormous {};

}  // namespace

template <>
struct pyproc::multiprocessing::Serializer<Enormous> {
    static void write(Writer& writer, const Enormous&) {
        static constexpr std::array<char, 1 << 20> mebibyte{};
        for (int i = 0; i < 1 << 18; ++i) writer.write(mebibyte.data(), mebibyte.size());
    }
    static Enormous read(Reader&) { return {}; }
};

TEST_CASE(
    "Queue: a value too large for the memory there is is a ValueError, and nothing is "
    "lost") {
    Queue<Enormous> queue;

    CHECK_THROWS_AS(queue.put({}), ValueError);

    CHECK(queue.empty());
}

TEST_CASE("Queue: it may be a member of a plain struct, and stand in an array") {
    struct Pair {
        Queue<int> first;
        Queue<int> second;
    };
    Pair pair{};
    std::array<Queue<int>, 2> two{};

    pair.second.put(1);
    two[1].put(2);

    CHECK(pair.first.empty());
    CHECK(pair.second.get() == 1);
    CHECK(two[1].get() == 2);
}
