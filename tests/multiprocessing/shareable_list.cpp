// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/shareable_list.hpp"

#include <cstdint>
#include <cstring>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/segments.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::shared_memory;
using namespace std::string_literals;

namespace {

// Before the first test, which else would be blamed for the descriptor of its pipe.
const bool is_tracker_started = [] {
    resource_tracker::ensure_running();
    return true;
}();

/// A list that takes its name away in the end.
struct Owned {
    explicit Owned(const std::vector<Item>& items) : list{items} {}
    ~Owned() { list.shm().unlink(); }
    Owned(const Owned&) = delete;
    Owned& operator=(const Owned&) = delete;

    ShareableList list;
};

const std::vector<Item> one_of_each{
    42, 2.5, true, std::monostate{}, "text", Bytes{"raw\0"s}};

}  // namespace

TEST_CASE("ShareableList: who attaches reads the same items") {
    REQUIRE(is_tracker_started);
    const Owned owned{one_of_each};

    const auto same = ShareableList::attach(owned.list.shm().name());

    CHECK(same.items() == one_of_each);
    CHECK(same.size() == 6);
    CHECK(same.format() == "qdxxxxxxx?xxxxxx?x8s4s ");
    CHECK(same.get<int>(0) == 42);
    CHECK(same.get<double>(1) == 2.5);
    CHECK(same.get<bool>(2));
    CHECK(same.get<std::string>(4) == "text");
    CHECK(same[-1] == Item{Bytes{"raw\0"s}});
}

TEST_CASE("ShareableList: what a child assigns, the parent reads") {
    const Owned owned{{1, "text"}};

    Process child([&] {
        auto list = ShareableList::attach(owned.list.shm().name());
        list.set(0, "one");
        list.set(1, 2.0);
    });
    child.start();
    child.join();

    CHECK(owned.list.items() == std::vector<Item>{"one", 2.0});
}

TEST_CASE("ShareableList: a braced list makes one, and an empty one is possible") {
    ShareableList list({1, "x"});
    ShareableList texts({"a", "b"});
    ShareableList empty(std::vector<Item>{});

    CHECK(list.size() == 2);
    CHECK(texts.items() == std::vector<Item>{"a", "b"});
    CHECK(empty.size() == 0);
    CHECK(ShareableList::attach(empty.shm().name()).items().empty());
    list.shm().unlink();
    texts.shm().unlink();
    empty.shm().unlink();
}

TEST_CASE("set: an item that is too long is refused, and the old one stays") {
    Owned owned{{"1234567", 5}};

    owned.list.set(0, "12345678");
    owned.list.set(1, "12345678");
    CHECK_THROWS_MATCHES(owned.list.set(0, "123456789"), ValueError,
                         test::Message("bytes/str item exceeds available storage"));
    CHECK_THROWS_AS(owned.list.set(1, Bytes{"123456789"}), ValueError);

    CHECK(owned.list.items() == std::vector<Item>{"12345678", "12345678"});
}

TEST_CASE("set: text of many bytes a character does not touch its neighbour") {
    const std::string euros = "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
    Owned owned{{euros, euros, 7}};

    owned.list.set(0, "\xe2\x82\xac");

    CHECK(owned.list.items() == std::vector<Item>{"\xe2\x82\xac", euros, 7});
}

TEST_CASE("set: text that is not UTF-8 is refused, and the old one stays") {
    Owned owned{{"old"}};

    CHECK_THROWS_AS(owned.list.set(0, "\xff"), UnicodeDecodeError);
    CHECK_THROWS_AS(ShareableList({"\xff"}), UnicodeDecodeError);

    CHECK(owned.list[0] == Item{"old"});
}

TEST_CASE("positions: negative ones count from the end, others are out_of_range") {
    Owned owned{{1, 2, 3}};

    owned.list.set(-3, 10);

    CHECK(owned.list[0] == Item{10});
    CHECK(owned.list[-1] == Item{3});
    CHECK_THROWS_MATCHES(owned.list[3], std::out_of_range,
                         test::Message("index out of range"));
    CHECK_THROWS_AS(owned.list[-4], std::out_of_range);
    CHECK_THROWS_MATCHES(owned.list.set(3, 0), std::out_of_range,
                         test::Message("assignment index out of range"));
}

TEST_CASE("get: the wrong type, or a number that does not fit, is an exception") {
    const Owned owned{{300, "text"}};

    CHECK(owned.list.get<std::int16_t>(0) == 300);
    CHECK_THROWS_AS(owned.list.get<std::int8_t>(0), std::out_of_range);
    CHECK_THROWS_AS(owned.list.get<double>(0), std::bad_variant_access);
    CHECK_THROWS_AS(owned.list.get<int>(1), std::bad_variant_access);
}

TEST_CASE("index, count: as Python's") {
    const Owned owned{{1, 1.0, true, "x", Bytes{"x"}}};

    CHECK(owned.list.count(1) == 3);
    CHECK(owned.list.count("x") == 1);
    CHECK(owned.list.index(Bytes{"x"}) == 4);
    CHECK(owned.list.index(true) == 0);
    CHECK_THROWS_AS(owned.list.index("y"), ValueError);
}

TEST_CASE("ShareableList: closed, it is a ValueError") {
    Owned owned{{1}};

    owned.list.shm().close();

    CHECK_THROWS_AS(owned.list[0], ValueError);
    CHECK_THROWS_AS(owned.list.set(0, 1), ValueError);
}

TEST_CASE("ShareableList: moved from, it is closed and empty") {
    Owned owned{{1, 2}};
    ShareableList same = ShareableList::attach(owned.list.shm().name());

    const ShareableList moved = std::move(same);

    // NOLINTBEGIN(bugprone-use-after-move): that is what is tested
    CHECK(moved.size() == 2);
    CHECK(same.size() == 0);
    CHECK(same.items().empty());
    CHECK(same.format().empty());
    CHECK_THROWS_AS(same[0], std::out_of_range);
    CHECK_THROWS_AS(same.set(-1, 1), std::out_of_range);
    // NOLINTEND(bugprone-use-after-move)
}

TEST_CASE("attach: what is not a list is a ValueError") {
    SharedMemory made(std::nullopt, true, 64);
    const auto attach_with = [&](std::vector<std::int64_t> head) {
        std::memset(made.buf().data(), 0, made.size());
        std::memcpy(made.buf().data(), head.data(), head.size() * sizeof head[0]);
        return ShareableList::attach(made.name());
    };

    CHECK(attach_with({1, 0, 8}).size() == 1);
    CHECK_THROWS_AS(attach_with({-1}), ValueError);
    CHECK_THROWS_AS(attach_with({3, 0, 8, 16, 24}), ValueError);
    CHECK_THROWS_AS(attach_with({1, 0, 7}), ValueError);
    CHECK_THROWS_AS(attach_with({1, 0, -8}), ValueError);
    CHECK_THROWS_AS(attach_with({1, 8, 16}), ValueError);
    CHECK_THROWS_AS(attach_with({1, 0, 40}), ValueError);
    CHECK_THROWS_AS(attach_with({1, 0, INT64_MAX}), ValueError);
    CHECK_THROWS_AS(attach_with({INT64_MAX}), ValueError);
    const SharedMemory small(std::nullopt, true, 15);
    CHECK_THROWS_AS(ShareableList::attach(small.name()), ValueError);
    small.unlink();
    made.unlink();
}

TEST_CASE(
    "ShareableList: damage of any kind is an exception, and nothing beyond is read") {
    std::minstd_rand random{1};
    for (int round = 0; round < 300; ++round) {
        Owned owned{one_of_each};
        const auto bytes = owned.list.shm().buf();
        for (int i = 0; i < 3; ++i) {
            bytes[random() % bytes.size()] = static_cast<std::byte>(random());
        }
        try {
            auto damaged = ShareableList::attach(owned.list.shm().name());
            for (std::size_t i = 0; i < damaged.size(); ++i) {
                const auto position = static_cast<std::ptrdiff_t>(i);
                try {
                    static_cast<void>(damaged[position]);
                } catch (const ValueError&) {
                }
                damaged.set(position, 1);
            }
        } catch (const ValueError&) {
        }
    }
    SUCCEED();
}
