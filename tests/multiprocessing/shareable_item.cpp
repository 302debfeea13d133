// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/shareable_item.hpp"

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using namespace pyproc::multiprocessing::shared_memory;
using namespace std::string_literals;

namespace {

/// The item, once it has been written and read, in as much room as it needs or more.
Item there_and_back(const Item& item, std::size_t more_room = 0) {
    std::vector<std::byte> room(shared_memory::detail::room_for(item) + more_room,
                                std::byte{0xff});
    shared_memory::detail::pack(item, room);
    return shared_memory::detail::unpack(
        shared_memory::detail::format_of(item, room.size()), room);
}

std::string format(const Item& item) {
    return std::string{
        shared_memory::detail::format_of(item, shared_memory::detail::room_for(item))
            .view()};
}

}  // namespace

TEST_CASE("Item: each type of Python's comes from what looks like it in C++") {
    CHECK(std::holds_alternative<std::int64_t>(Item{42}));
    CHECK(std::holds_alternative<std::int64_t>(Item{42LL}));
    CHECK(std::holds_alternative<double>(Item{4.2}));
    CHECK(std::holds_alternative<bool>(Item{true}));
    CHECK(std::holds_alternative<std::string>(Item{"text"}));
    CHECK(std::holds_alternative<Bytes>(Item{Bytes{"raw"}}));
    CHECK(std::holds_alternative<std::monostate>(Item{}));
}

TEST_CASE("pack, unpack: every kind of item comes back as it was") {
    const std::vector<Item> items{
        std::monostate{},
        true,
        false,
        0,
        -1,
        std::numeric_limits<std::int64_t>::min(),
        0.1,
        -std::numeric_limits<double>::infinity(),
        "",
        "text",
        "12345678",
        "\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
        "\0"s,
        "a\0"s,
        "\0a"s,
        "1234567\0"s,
        "12345678\0\0\0\0\0\0\0\0"s,
        Bytes{""},
        Bytes{"\0\0\0"s},
        Bytes{"\xff\xfe\0"s},
        Bytes{std::string(999'999, '\0')},
    };

    for (const Item& item : items) {
        CHECK(there_and_back(item) == item);
        CHECK(there_and_back(item, 64) == item);
    }
}

TEST_CASE("format_of: it is Python's, but for items that end with zeros") {
    CHECK(format(1) == "q");
    CHECK(format(1.5) == "d");
    CHECK(format(true) == "xxxxxxx?");
    CHECK(format({}) == "xxxxxx?x");
    CHECK(format("") == "8s");
    CHECK(format("1234567") == "8s");
    CHECK(format("12345678") == "16s");
    CHECK(format(Bytes{"ab\0"s}) == "3s ");
}

TEST_CASE("format_of: what is too long for a format is a ValueError") {
    CHECK(format(std::string(9'999'991, 'x')) == "9999992s");
    CHECK_THROWS_AS(format(std::string(9'999'999, 'x')), ValueError);
    CHECK_THROWS_AS(format(std::string(1'000'000, '\0')), ValueError);
}

TEST_CASE("unpack: what Python writes loses the zeros at its end, as it does there") {
    std::vector<std::byte> room(16);
    room[0] = std::byte{'x'};
    const auto read = [&](std::string_view text, char code) {
        return shared_memory::detail::unpack(
            shared_memory::detail::make_format(text, code), room);
    };

    CHECK(read("16s", 1) == Item{"x"});
    CHECK(read("16s", 2) == Item{Bytes{"x"}});
    CHECK(read("3s ", 2) == Item{Bytes{"x\0\0"s}});
    CHECK(read("xxxxxx?x", 3) == Item{});
}

TEST_CASE("unpack: a damaged format is a ValueError, text that is none a decode error") {
    std::vector<std::byte> room(16, std::byte{0xff});
    const auto read = [&](std::string_view text, char code) {
        return shared_memory::detail::unpack(
            shared_memory::detail::make_format(text, code), room);
    };

    for (const char* const text :
         {"", "s", "17s", "9999999s", "-1s", "+1s", "1q", "zz", " ", "1 s", "\0"}) {
        CHECK_THROWS_AS(read(text, 2), ValueError);
    }
    CHECK_THROWS_AS(read("16s", 1), UnicodeDecodeError);
}

TEST_CASE("require_utf8: text is accepted as Python accepts it") {
    CHECK_NOTHROW(shared_memory::detail::require_utf8("\xf0\x9f\x90\x8d \xc3\xa9"));
    CHECK_THROWS_AS(shared_memory::detail::require_utf8("ok\xc3"), UnicodeDecodeError);
    CHECK_THROWS_AS(shared_memory::detail::require_utf8("\xed\xa0\x80"),
                    UnicodeDecodeError);
}

TEST_CASE("are_equal: numbers are compared by value, other items by type and value") {
    CHECK(are_equal(1, 1.0));
    CHECK(are_equal(1.0, true));
    CHECK(are_equal(0, false));
    CHECK(are_equal("a", "a"));
    CHECK(are_equal({}, {}));
    CHECK_FALSE(are_equal(1, 1.5));
    CHECK_FALSE(are_equal("a", Bytes{"a"}));
    CHECK_FALSE(are_equal(0, {}));
    CHECK_FALSE(are_equal(9007199254740993, 9007199254740992.0));
    CHECK_FALSE(are_equal(std::numeric_limits<std::int64_t>::max(), 0x1p63));
    CHECK(are_equal(std::numeric_limits<std::int64_t>::min(), -0x1p63));
}
