// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/encoding.hpp"

#include <optional>
#include <string>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

TEST_CASE("find_encoding: Python's names are known, in any case and punctuation") {
    for (const char* name : {"utf-8", "utf8", "utf_8", "UTF-8", "U8", "cp65001"}) {
        CHECK(find_encoding(name).codec == Codec::utf_8);
    }
    for (const char* name : {"latin-1", "latin1", "iso8859-1", "ISO_8859-1", "L1"}) {
        CHECK(find_encoding(name).codec == Codec::latin_1);
    }
    for (const char* name : {"ascii", "us-ascii", "646", "ANSI_X3.4-1968"}) {
        CHECK(find_encoding(name).codec == Codec::ascii);
    }
    CHECK(find_encoding("utf-8-sig").codec == Codec::utf_8_sig);
    CHECK(find_encoding("utf-16").codec == Codec::utf_16);
    CHECK(find_encoding("utf-16-le").codec == Codec::utf_16_le);
    CHECK(find_encoding("UTF-16BE").codec == Codec::utf_16_be);
    CHECK(find_encoding("utf_32").codec == Codec::utf_32);
}

TEST_CASE(
    "find_encoding: what iconv knows is known, under the name in Python's messages") {
    CHECK(find_encoding("shift_jis").name == std::string{"shift_jis"});
    CHECK(find_encoding("Shift-JIS").name == std::string{"shift_jis"});
    CHECK(find_encoding("ujis").name == std::string{"euc_jp"});
    CHECK(find_encoding("cp1252").name == std::string{"charmap"});
    for (const char* name : {"windows-1252", "koi8_r", "iso8859-15", "iso-8859-15",
                             "latin9", "L9", "1251", "iso_8859_2_1987", "mac_roman"}) {
        CHECK(find_encoding(name).codec == Codec::iconv);
    }
}

TEST_CASE("find_encoding: an unknown name is a ValueError in Python's words") {
    CHECK_THROWS_MATCHES(find_encoding("no-such-one"), ValueError,
                         test::Message("unknown encoding: no-such-one"));
    CHECK_THROWS_MATCHES(find_encoding(""), ValueError,
                         test::Message("unknown encoding: "));
    // To iconv_open these would mean more than a name.
    CHECK_THROWS_AS(find_encoding("//TRANSLIT"), ValueError);
    CHECK_THROWS_AS(find_encoding("cp1252//IGNORE"), ValueError);
}

TEST_CASE("find_error_handler: there are three, and another is a ValueError") {
    CHECK(find_error_handler("strict") == ErrorHandler::strict);
    CHECK(find_error_handler("ignore") == ErrorHandler::ignore);
    CHECK(find_error_handler("replace") == ErrorHandler::replace);
    CHECK_THROWS_MATCHES(find_error_handler("x"), ValueError,
                         test::Message("unknown error handler name 'x'"));
}

TEST_CASE("text_mode: any of the three turns it on; errors alone means UTF-8") {
    CHECK_FALSE(text_mode({}, {}, false).is_text);
    CHECK(text_mode({}, {}, true).is_text);
    CHECK(text_mode({}, {}, true).encoding.codec == Codec::none);
    CHECK(text_mode("ascii", {}, false).is_text);
    CHECK(text_mode("ascii", {}, false).encoding.codec == Codec::ascii);
    CHECK(text_mode("ascii", {}, false).errors == ErrorHandler::strict);
    CHECK(text_mode({}, "ignore", false).is_text);
    CHECK(text_mode({}, "ignore", false).encoding.codec == Codec::utf_8);
    CHECK(text_mode({}, "ignore", false).errors == ErrorHandler::ignore);
}
