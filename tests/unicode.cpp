// SPDX-License-Identifier: BSL-1.0
#include "pyproc/unicode.hpp"

#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace pyproc;
using namespace std::string_view_literals;

// Every code point is compared with Python's answer in tests/parity/test_repr.py.

namespace {

constexpr bool decodes(std::string_view text, char32_t code_point) {
    const DecodedCodePoint decoded = decode_utf8(text);
    return decoded.length == text.size() && decoded.code_point == code_point;
}

constexpr bool is_rejected(std::string_view text) {
    return decode_utf8(text).length == 0;
}

}  // namespace

TEST_CASE(
    "decode_utf8: the least and the greatest character of each length are decoded") {
    STATIC_REQUIRE(decodes("\0"sv, 0));
    STATIC_REQUIRE(decodes("\x7f", 0x7f));
    STATIC_REQUIRE(decodes("\xc2\x80", 0x80));
    STATIC_REQUIRE(decodes("\xdf\xbf", 0x7ff));
    STATIC_REQUIRE(decodes("\xe0\xa0\x80", 0x800));
    STATIC_REQUIRE(decodes("\xef\xbf\xbf", 0xffff));
    STATIC_REQUIRE(decodes("\xf0\x90\x80\x80", 0x10000));
    STATIC_REQUIRE(decodes("\xf4\x8f\xbf\xbf", 0x10ffff));
}

TEST_CASE("decode_utf8: only the first character is looked at") {
    STATIC_REQUIRE(decode_utf8("\xc3\xa9\xff").length == 2);
    STATIC_REQUIRE(decode_utf8("e\xff").length == 1);
}

TEST_CASE("decode_utf8: a form longer than it need be is not UTF-8") {
    STATIC_REQUIRE(is_rejected("\xc0\x80"));
    STATIC_REQUIRE(is_rejected("\xc1\xbf"));
    STATIC_REQUIRE(is_rejected("\xe0\x9f\xbf"));
    STATIC_REQUIRE(is_rejected("\xf0\x8f\xbf\xbf"));
}

TEST_CASE("decode_utf8: a surrogate is not UTF-8, its neighbours are") {
    STATIC_REQUIRE(decodes("\xed\x9f\xbf", 0xd7ff));
    STATIC_REQUIRE(is_rejected("\xed\xa0\x80"));
    STATIC_REQUIRE(is_rejected("\xed\xbf\xbf"));
    STATIC_REQUIRE(decodes("\xee\x80\x80", 0xe000));
}

TEST_CASE("decode_utf8: nothing beyond U+10FFFF is UTF-8") {
    STATIC_REQUIRE(is_rejected("\xf4\x90\x80\x80"));
    STATIC_REQUIRE(is_rejected("\xf5\x80\x80\x80"));
    STATIC_REQUIRE(is_rejected("\xff"));
}

TEST_CASE("decode_utf8: a character cut short is not UTF-8") {
    STATIC_REQUIRE(is_rejected(""));
    STATIC_REQUIRE(is_rejected("\xc3"));
    STATIC_REQUIRE(is_rejected("\xe2\x82"));
    STATIC_REQUIRE(is_rejected("\xf0\x9f\x98"));
    STATIC_REQUIRE(is_rejected("\xe2\x82x"));
}

TEST_CASE("decode_utf8: a continuation cannot come first") {
    STATIC_REQUIRE(is_rejected("\x80"));
    STATIC_REQUIRE(is_rejected("\xbf\xbf"));
}

TEST_CASE("utf8_prefix: it ends where UTF-8 does, wherever that is") {
    const std::string text = "twelve ascii \u00e9\u20ac\U0001f600 and more";
    CHECK(utf8_prefix(text) == text.size());
    CHECK(utf8_prefix("") == 0);
    for (std::size_t at = 0; at < 12; ++at) {
        std::string broken = text;
        broken[at] = '\xff';
        CHECK(utf8_prefix(broken) == at);
    }
    CHECK(utf8_prefix("a\xe2\x82") == 1);
}

TEST_CASE("append_utf8: it is the reverse of decode_utf8") {
    for (const char32_t code_point : {U'a', U'\u007f', U'\u0080', U'\u07ff', U'\u0800',
                                      U'\uffff', U'\U00010000', U'\U0010ffff'}) {
        std::string text;
        append_utf8(text, code_point);
        CHECK(decode_utf8(text).code_point == code_point);
        CHECK(decode_utf8(text).length == text.size());
    }
}

TEST_CASE("is_printable: letters, marks, signs and the space are printable") {
    STATIC_REQUIRE(is_printable(U' '));
    STATIC_REQUIRE(is_printable(U'~'));
    STATIC_REQUIRE(is_printable(U'\u00e9'));
    STATIC_REQUIRE(is_printable(U'\u0301'));      // combining acute accent
    STATIC_REQUIRE(is_printable(U'\U0001f600'));  // grinning face
}

TEST_CASE("is_printable: controls, formats and separators other than the space are not") {
    STATIC_REQUIRE_FALSE(is_printable(0));
    STATIC_REQUIRE_FALSE(is_printable(0x1f));
    STATIC_REQUIRE_FALSE(is_printable(0x7f));
    STATIC_REQUIRE_FALSE(is_printable(0xa0));    // no-break space
    STATIC_REQUIRE_FALSE(is_printable(0xad));    // soft hyphen
    STATIC_REQUIRE_FALSE(is_printable(0x2028));  // line separator
}

TEST_CASE("is_printable: what has no character is not: surrogates, private use, gaps") {
    STATIC_REQUIRE_FALSE(is_printable(0xd800));
    STATIC_REQUIRE_FALSE(is_printable(0xe000));
    STATIC_REQUIRE_FALSE(is_printable(0x378));
    STATIC_REQUIRE_FALSE(is_printable(0x10ffff));
    STATIC_REQUIRE_FALSE(is_printable(0x110000));
    STATIC_REQUIRE_FALSE(is_printable(0xffffffff));
}
