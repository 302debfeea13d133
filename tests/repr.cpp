// SPDX-License-Identifier: BSL-1.0
#include "pyproc/repr.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <list>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using namespace std::string_literals;
using namespace std::string_view_literals;

// How text and bytes are written is tested in tests/text_repr.cpp.

TEST_CASE("repr: text of any kind stands in quotes") {
    CHECK(repr("date") == "'date'");
    CHECK(repr("date"s) == "'date'");
    CHECK(repr("date"sv) == "'date'");
    CHECK(repr("") == "''");
}

TEST_CASE("repr: a range of std::byte is bytes") {
    const std::array bytes{std::byte{0x00}, std::byte{'a'}, std::byte{0xff}};

    CHECK(repr(std::span<const std::byte>{bytes}) == R"(b'\x00a\xff')");
    CHECK(repr(bytes) == R"(b'\x00a\xff')");
    CHECK(repr(std::vector<std::byte>{}) == "b''");
}

TEST_CASE("repr: integers are numbers, however small their type") {
    CHECK(repr(0) == "0");
    CHECK(repr(-15L) == "-15");
    CHECK(repr(std::uint8_t{65}) == "65");
    CHECK(repr(std::int8_t{-1}) == "-1");
    CHECK(repr(std::numeric_limits<long long>::min()) == "-9223372036854775808");
    CHECK(repr(std::numeric_limits<unsigned long long>::max()) == "18446744073709551615");
}

TEST_CASE("repr: truth has Python's names") {
    CHECK(repr(true) == "True");
    CHECK(repr(false) == "False");
    CHECK(repr(std::vector<bool>{true, false}) == "[True, False]");
}

TEST_CASE("repr: a char is text of one character, not a number") {
    CHECK(repr('x') == "'x'");
    CHECK(repr('\n') == R"('\n')");
    CHECK(repr('\xff') == R"('\udcff')");
}

TEST_CASE("repr: pairs and tuples are tuples; one of one element has its comma") {
    CHECK(repr(std::pair{0, "x"}) == "(0, 'x')");
    CHECK(repr(std::tuple{1, "a"s, true}) == "(1, 'a', True)");
    CHECK(repr(std::tuple{1}) == "(1,)");
    CHECK(repr(std::tuple{}) == "()");
}

TEST_CASE("repr: a range is a list") {
    CHECK(repr(std::vector<std::string>{"ls", "-l"}) == "['ls', '-l']");
    CHECK(repr(std::array{1, 2, 3}) == "[1, 2, 3]");
    CHECK(repr(std::list<std::string_view>{"it's"}) == R"(["it's"])");
    CHECK(repr(std::vector<int>{}) == "[]");
}

TEST_CASE("repr: a list written out is a list of texts, not one text of two pointers") {
    CHECK(repr({"ls", "-l"}) == "['ls', '-l']");
    CHECK(repr({"ls"}) == "['ls']");
}

TEST_CASE("repr: lists and tuples nest") {
    const std::vector<std::pair<int, std::vector<const char*>>> nested{{0, {"a", "b"}},
                                                                       {1, {}}};

    CHECK(repr(nested) == "[(0, ['a', 'b']), (1, [])]");
}

namespace {

struct Point {
    int x;
    [[nodiscard]] std::string repr() const { return "Point(" + pyproc::repr(x) + ")"; }
};

}  // namespace

TEST_CASE("repr: a class says itself how it is shown, within others too") {
    CHECK(repr(Point{3}) == "Point(3)");
    CHECK(repr(std::vector{Point{3}, Point{4}}) == "[Point(3), Point(4)]");
}

TEST_CASE("repr: a path is Python's PosixPath, and not an endless list of paths") {
    CHECK(repr(std::filesystem::path{"/tmp/it's"}) == R"(PosixPath("/tmp/it's"))");
    CHECK(repr(std::vector<std::filesystem::path>{"a", "b"}) ==
          "[PosixPath('a'), PosixPath('b')]");
}
