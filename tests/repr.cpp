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

// Every code point and 20,000 random strings are compared in tests/parity/test_repr.py.

TEST_CASE("repr: text stands in single quotes") {
    CHECK(repr("date") == "'date'");
    CHECK(repr("date"s) == "'date'");
    CHECK(repr("date"sv) == "'date'");
    CHECK(repr("") == "''");
}

TEST_CASE("repr: text with a single quote and no double one stands in double quotes") {
    CHECK(repr("it's") == R"("it's")");
}

TEST_CASE("repr: in text with both quotes the single one is escaped") {
    CHECK(repr(R"("it's")") == R"('"it\'s"')");
    CHECK(repr(R"(")") == R"('"')");
}

TEST_CASE("repr: backslash, tab and line ends have short escapes") {
    CHECK(repr("a\\b\tc\nd\re") == R"('a\\b\tc\nd\re')");
}

TEST_CASE("repr: what is not printable is escaped with as few digits as will do") {
    CHECK(repr("\0\a\x1b\x7f"sv) == R"('\x00\x07\x1b\x7f')");
    CHECK(repr("\xc2\xa0") == R"('\xa0')");
    CHECK(repr("\xe2\x80\xa8") == R"('\u2028')");
    CHECK(repr("\xf3\xa0\x80\x81") == R"('\U000e0001')");
}

TEST_CASE("repr: printable characters stand as they are, whatever their length") {
    CHECK(repr("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80") ==
          "'\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80'");
}

TEST_CASE("repr: each byte that is not UTF-8 shows as the surrogate Python makes of it") {
    CHECK(repr("\xff") == R"('\udcff')");
    CHECK(repr("a\xe2\x82z") == R"('a\udce2\udc82z')");        // cut short
    CHECK(repr("\xed\xa0\x80") == R"('\udced\udca0\udc80')");  // a surrogate
    CHECK(repr("\xc0\x80") == R"('\udcc0\udc80')");            // overlong
}

TEST_CASE("repr_bytes: bytes have a b, and an escape for all but printable ASCII") {
    CHECK(repr_bytes("date\n") == R"(b'date\n')");
    CHECK(repr_bytes("\0\x7f\x80\xff~ "sv) == R"(b'\x00\x7f\x80\xff~ ')");
    CHECK(repr_bytes("\xc3\xa9") == R"(b'\xc3\xa9')");
    CHECK(repr_bytes("it's") == R"(b"it's")");
    CHECK(repr_bytes(R"('"\)") == R"(b'\'"\\')");
    CHECK(repr_bytes("") == "b''");
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
