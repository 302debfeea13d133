// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "multiprocessing/round_trip.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing;
using test::bytes_of;

namespace {

struct Block {
    std::uint64_t words[8];
};
struct Task {
    std::uint32_t number;
    std::string name;
    std::vector<std::optional<double>> results;
    std::map<std::string, std::variant<int, std::string>> settings;
    char tag[4];
};

Task some_task() {
    return {7, "seven", {0.5, std::nullopt}, {{"a", 1}, {"b", "two"}}, {'t', 'a', 'g'}};
}

}  // namespace

TEST_CASE("fixed_size: it is known when it does not depend on the value") {
    STATIC_REQUIRE(fixed_size<int> == sizeof(int));
    STATIC_REQUIRE(fixed_size<Block> == 64);
    STATIC_REQUIRE(fixed_size<Task> == 0);
    STATIC_REQUIRE(fixed_size<std::string> == 0);
    STATIC_REQUIRE(fixed_size<std::optional<int>> == 0);
}

TEST_CASE("encoded_size: it is the number of bytes that are written") {
    CHECK(encoded_size(1) == 4);
    CHECK(encoded_size(std::string("abc")) == 8 + 3);
    CHECK(encoded_size(std::vector<std::string>{"a", ""}) == 8 + 9 + 8);
    CHECK(encoded_size(some_task()) == encode(some_task()).size());
}

TEST_CASE("encode_into: the place must have the size of the value") {
    std::vector<std::byte> place(12);
    const std::span all{place};

    CHECK_NOTHROW(encode_into(all, std::string("four")));
    CHECK_THROWS_AS(encode_into(all.first(11), std::string("four")), pyproc::ValueError);
    CHECK_THROWS_WITH(encode_into(all, std::string("one")),
                      "a value of 11 bytes for a place of 12");
    CHECK_THROWS_AS(encode_into(all, 1), pyproc::ValueError);
    CHECK_NOTHROW(encode_into(all.first(4), 1));
}

TEST_CASE("decode: a value is as it was") {
    const Task read = test::round_trip(some_task());

    CHECK(read.number == 7);
    CHECK(read.name == "seven");
    CHECK(read.results == some_task().results);
    CHECK(read.settings == some_task().settings);
    CHECK(std::string(read.tag) == "tag");
}

TEST_CASE("decode: too few and too many bytes are errors that say so") {
    CHECK_THROWS_WITH(decode<int>(bytes_of({1, 2, 3})),
                      "cut off: 4 bytes expected, and 3 left");
    CHECK_THROWS_WITH(decode<int>(bytes_of({1, 2, 3, 4, 5, 6})), "2 bytes left over");
    CHECK_THROWS_AS(decode<std::string>({}), pyproc::ValueError);
}

TEST_CASE("decode: a task that is cut off or damaged is an error or a task") {
    test::check_every_length(some_task());
    test::flip_every_bit(some_task());
    test::decode_anything<Task>(20000);
    test::decode_anything<std::vector<Task>>(20000);
}
