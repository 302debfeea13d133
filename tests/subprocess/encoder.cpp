// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/encoder.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"

using namespace pyproc;
using namespace std::string_literals;
using namespace pyproc::subprocess;

namespace {

TextEncoder encoder_for(const char* encoding, const char* errors = "strict") {
    return TextEncoder{text_mode(encoding, errors, false)};
}

std::string encoded(const char* encoding, std::string_view text,
                    const char* errors = "strict") {
    TextEncoder encoder = encoder_for(encoding, errors);
    std::string storage;
    return std::string{encoder.encode(text, storage, true)};
}

std::string message_for(const char* encoding, std::string_view text) {
    try {
        return "no error: " + encoded(encoding, text);
    } catch (const UnicodeEncodeError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("TextEncoder: UTF-8 becomes each encoding") {
    CHECK(encoded("utf-8", "\u65e5") == "\u65e5");
    CHECK(encoded("latin-1", "caf\u00e9") == "caf\xe9");
    CHECK(encoded("ascii", "abc") == "abc");
    CHECK(encoded("cp1252", "\u20ac 5") == "\x80 5");
    CHECK(encoded("shift_jis", "\u65e5\u672c") == "\x93\xfa\x96\x7b");
    CHECK(encoded("utf-16-be", "\U0001f600") == "\xd8\x3d\xde\x00"s);
    CHECK(encoded("utf-32-le", "a") == "a\0\0\0"s);
}

TEST_CASE("TextEncoder: a byte order mark comes before the first text, and once") {
    TextEncoder encoder = encoder_for("utf-8-sig");
    std::string storage;

    CHECK(encoder.encode("", storage, false).empty());
    CHECK(encoder.encode("a", storage, false) ==
          "\xef\xbb\xbf"
          "a");
    CHECK(encoder.encode("b", storage, true) == "b");
    CHECK(encoded("utf-16", "a").size() == 4);
}

TEST_CASE("TextEncoder: under strict the error is CPython's, to the word") {
    CHECK(
        message_for("latin-1", "\u20ac") ==
        "'latin-1' codec can't encode character '\\u20ac' in position 0: ordinal not in "
        "range(256)");
    CHECK(message_for("ascii", "\u00e9\u00e9x") ==
          "'ascii' codec can't encode characters in position 0-1: ordinal not in "
          "range(128)");
    CHECK(message_for("cp1252", "\u20ac\u65e5\u672c") ==
          "'charmap' codec can't encode characters in position 1-2: character maps to "
          "<undefined>");
    CHECK(message_for("shift_jis", "\u65e5\u00e9\u00e9") ==
          "'shift_jis' codec can't encode character '\\xe9' in position 1: illegal "
          "multibyte sequence");
    CHECK(message_for("utf-8", "\u65e5\xff") ==
          "'utf-8' codec can't encode character '\\udcff' in position 1: surrogates not "
          "allowed");
}

TEST_CASE("TextEncoder: replace puts a question mark, in the encoding; ignore nothing") {
    CHECK(encoded("latin-1", "a\u20acz", "replace") == "a?z");
    CHECK(encoded("shift_jis", "\u65e5\u00e9", "replace") == "\x93\xfa?");
    CHECK(encoded("utf-16-le", "\xff", "replace") == "?\0"s);
    CHECK(encoded("cp037", "\u20ac", "replace") == "\x6f");
    CHECK(encoded("latin-1", "a\u20acz", "ignore") == "az");
    CHECK(encoded("utf-8", "a\xff\xe2\x82z", "ignore") == "az");
}

TEST_CASE("TextEncoder: a character cut between two pieces is one") {
    TextEncoder encoder = encoder_for("cp1252");
    std::string storage;

    CHECK(encoder.encode("a\xe2\x82", storage, false) == "a");
    CHECK(encoder.encode("\xacz", storage, true) == "\x80z");
}

TEST_CASE("TextEncoder: the last piece returns to the first character set") {
    TextEncoder encoder = encoder_for("iso2022_jp");
    std::string storage;

    CHECK(encoder.encode("\u65e5", storage, false) == "\x1b$BF|");
    TextEncoder moved = std::move(encoder);
    CHECK(moved.encode("\u672c", storage, false) == "K\\");
    CHECK(moved.encode("", storage, true) == "\x1b(B");
}

TEST_CASE("TextEncoder: what needs no change is not copied") {
    const std::string_view text = "\u65e5\u672c";
    TextEncoder bytes;
    TextEncoder utf_8 = encoder_for("utf-8");
    std::string storage;

    CHECK(bytes.encode(text, storage, false).data() == text.data());
    CHECK(utf_8.encode(text, storage, true).data() == text.data());
    CHECK(bytes.encode("\xff", storage, true) == "\xff");
}

TEST_CASE("TextEncoder: after an error the next text is encoded as if nothing had been") {
    TextEncoder encoder = encoder_for("utf-16-le");
    std::string storage;

    CHECK_THROWS_AS(encoder.encode("a\xff", storage, false), UnicodeEncodeError);

    CHECK(encoder.encode("b", storage, true) == "b\0"s);
}

TEST_CASE("TextEncoder: the time for faults grows with their number, not its square") {
    std::string text;
    for (int i = 0; i < 300'000; ++i) text += "\u65e5";

    CHECK(encoded("latin-1", text, "replace") == std::string(300'000, '?'));
    CHECK(encoded("cp1252", text, "ignore").empty());
}
