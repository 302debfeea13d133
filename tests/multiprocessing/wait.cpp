// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/wait.hpp"

#include <chrono>
#include <functional>
#include <thread>
#include <vector>

#include "multiprocessing/support.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

TEST_CASE("wait: those with something to receive are returned, in their order") {
    auto [a, b] = Pipe();
    auto [c, d] = Pipe({.duplex = false});
    auto [e, f] = Pipe({.stream = true});
    b.send_bytes("x");
    f.send_bytes("x");
    std::vector<Connection*> all{&e, &c, &a};

    const auto ready = connection::wait(all);

    CHECK(ready == std::vector<Connection*>{&e, &a});
}

TEST_CASE("wait: of connections in a container, pointers are returned") {
    std::vector<Connection> ours;
    std::vector<Connection> theirs;
    for (int i = 0; i < 3; ++i) {
        auto [a, b] = Pipe();
        ours.push_back(std::move(a));
        theirs.push_back(std::move(b));
    }
    theirs[1].send_bytes("hello");

    const std::vector<Connection*> ready = connection::wait(ours);

    REQUIRE(ready == std::vector<Connection*>{&ours[1]});
    CHECK(ready.front()->recv_bytes() == "hello");
}

TEST_CASE("wait: an end whose other end is closed is ready") {
    auto [a, b] = Pipe();
    b.close();

    CHECK(connection::wait({a}).size() == 1);
}

TEST_CASE("wait: connections, sentinels and descriptors may be mixed") {
    const test::Channel channel;
    auto [a, b] = Pipe();
    Process process([] {});
    process.start();

    const auto ready = connection::wait({a, process.sentinel(), channel.read_end()});

    CHECK(ready == std::vector<connection::Waitable>{process.sentinel()});
    process.join();
}

TEST_CASE("wait: descriptors in a range come back as they are") {
    const test::Channel told;
    const test::Channel silent;
    told.tell();

    const std::vector<int> ready =
        connection::wait(std::vector<int>{silent.read_end(), told.read_end()}, 10s);

    CHECK(ready == std::vector<int>{told.read_end()});
}

TEST_CASE("wait: references to connections come back as such") {
    auto [a, b] = Pipe();
    b.send_bytes("x");

    const auto ready = connection::wait(std::vector{std::ref(a), std::ref(b)});

    REQUIRE(ready.size() == 1);
    CHECK(&ready.front().get() == &a);
}

TEST_CASE("wait: the limit that comes first gives none, and no sooner") {
    auto [a, b] = Pipe();
    const auto start = std::chrono::steady_clock::now();

    const auto ready = connection::wait({a}, 20ms);

    CHECK(ready.empty());
    CHECK(std::chrono::steady_clock::now() - start >= 20ms);
}

TEST_CASE("wait: none of nothing is ready at once, or after the limit") {
    const auto start = std::chrono::steady_clock::now();

    CHECK(connection::wait(std::vector<int>{}).empty());
    CHECK(connection::wait(std::vector<int>{}, 10ms).empty());

    CHECK(std::chrono::steady_clock::now() - start >= 10ms);
}

TEST_CASE("wait: a closed connection, or what is no descriptor, is an error") {
    Connection closed;

    CHECK_THROWS_AS(connection::wait({closed}), OSError);
    CHECK_THROWS_AS(connection::wait({1'000'000}), OSError);
    CHECK_THROWS_AS(connection::wait({-1}, 0ms), OSError);
    CHECK_THROWS_AS(connection::wait(std::vector<int>{0, -2}), OSError);
}
