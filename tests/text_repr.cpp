// SPDX-License-Identifier: BSL-1.0
#include "pyproc/text_repr.hpp"

#include <string>
#include <string_view>

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
