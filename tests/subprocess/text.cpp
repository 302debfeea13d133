// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/text.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

std::string translated(std::string text) {
    NewlineTranslator newlines;
    newlines.translate(text);
    return text;
}

TextDecoder decoder_for(const char* encoding, const char* errors = "strict") {
    return TextDecoder{text_mode(encoding, errors, false)};
}

std::string decoded(const char* encoding, std::string_view bytes,
                    const char* errors = "strict") {
    TextDecoder decoder = decoder_for(encoding, errors);
    std::string text{bytes};
    decoder.decode(text, 0, true);
    return text;
}

std::string message_for(const char* encoding, std::string_view bytes) {
    try {
        return "no error: " + decoded(encoding, bytes);
    } catch (const UnicodeDecodeError& error) {
        return error.what();
    }
}

}  // namespace

TEST_CASE("NewlineTranslator: every kind of newline becomes a line feed") {
    CHECK(translated("a\nb\r\nc\rd") == "a\nb\nc\nd");
    CHECK(translated("\r\r\n\n\r") == "\n\n\n\n");
    CHECK(translated("none") == "none");
    CHECK(translated("") == "");
}

TEST_CASE("NewlineTranslator: a pair split between two pieces is one newline") {
    NewlineTranslator newlines;
    std::string text = "a\r";
    newlines.translate(text);
    REQUIRE(text == "a\n");

    const auto known = text.size();
    text += "\nb";
    newlines.translate(text, known);

    CHECK(text == "a\nb");
}

TEST_CASE("NewlineTranslator: where a text is split makes no difference") {
    const std::string whole = "\r\n\r\r\n\n\rx\r\n";
    for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
        NewlineTranslator newlines;
        std::string text = whole.substr(0, cut);
        newlines.translate(text);
        const auto known = text.size();
        text += whole.substr(cut);
        newlines.translate(text, known);

        CHECK(text == translated(whole));
    }
}

TEST_CASE("TextDecoder: each encoding becomes UTF-8") {
    CHECK(decoded("utf-8", "\u65e5\u672c") == "\u65e5\u672c");
    CHECK(decoded("latin-1", "caf\xe9") == "caf\u00e9");
    CHECK(decoded("ascii", "abc") == "abc");
    CHECK(decoded("cp1252", "\x80 5") == "\u20ac 5");
    CHECK(decoded("shift_jis", "\x93\xfa\x96\x7b") == "\u65e5\u672c");
    CHECK(decoded("utf-16-le", {"\xe5\x65\x3d\xd8\x00\xde", 6}) == "\u65e5\U0001f600");
    CHECK(decoded("utf-32-be", {"\0\x1\xf6\0", 4}) == "\U0001f600");
}

TEST_CASE("TextDecoder: newlines are translated after decoding") {
    CHECK(decoded("utf-8", "a\r\nb\rc") == "a\nb\nc");
    CHECK(decoded("utf-16-le", {"a\0\r\0\n\0", 6}) == "a\n");
}

TEST_CASE("TextDecoder: a byte order mark is left out, and says the order") {
    CHECK(decoded("utf-8-sig", "\xef\xbb\xbfx\xef\xbb\xbf") == "x\ufeff");
    CHECK(decoded("utf-8", "\xef\xbb\xbfx") == "\ufeffx");
    CHECK(decoded("utf-16", {"\xff\xfex\0", 4}) == "x");
    CHECK(decoded("utf-16", {"\xfe\xff\0x", 4}) == "x");
    CHECK(decoded("utf-32", {"\0\0\xfe\xff\0\0\0x", 8}) == "x");
    CHECK(decoded("utf-16-be", {"\xfe\xff\0x", 4}) == "\ufeffx");
}

TEST_CASE("TextDecoder: under strict the error is CPython's, to the word") {
    CHECK(message_for("utf-8", "\xff") ==
          "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte");
    CHECK(
        message_for("utf8", "ab\xe2(") ==
        "'utf-8' codec can't decode byte 0xe2 in position 2: invalid continuation byte");
    CHECK(message_for("UTF-8", "\xe2\x82") ==
          "'utf-8' codec can't decode bytes in position 0-1: unexpected end of data");
    CHECK(
        message_for("ascii", "a\x80") ==
        "'ascii' codec can't decode byte 0x80 in position 1: ordinal not in range(128)");
    CHECK(message_for("cp1252", "\x81") ==
          "'charmap' codec can't decode byte 0x81 in position 0: character maps to "
          "<undefined>");
    CHECK(message_for("shift_jis", "a\x81") ==
          "'shift_jis' codec can't decode byte 0x81 in position 1: incomplete multibyte "
          "sequence");
    CHECK(message_for("utf-16-be", {"\xdc\0", 2}) ==
          "'utf-16-be' codec can't decode bytes in position 0-1: illegal encoding");
    CHECK(message_for("latin-1", "\xff") == "no error: \u00ff");
}

TEST_CASE("TextDecoder: replace puts one U+FFFD for each maximal part of a character") {
    CHECK(decoded("utf-8", "a\xf0\x90\x80z\xe2\x82", "replace") == "a\ufffdz\ufffd");
    CHECK(decoded("utf-8", "\xed\xa0\x80", "replace") == "\ufffd\ufffd\ufffd");
    CHECK(decoded("utf-8", "\xc0\xaf", "replace") == "\ufffd\ufffd");
    CHECK(decoded("cp1252", "\x81x\x8d", "replace") == "\ufffdx\ufffd");
    CHECK(decoded("shift_jis", "\x93\xfa\x81", "replace") == "\u65e5\ufffd");
}

TEST_CASE("TextDecoder: ignore leaves out what is not text") {
    CHECK(decoded("utf-8", "a\xff\xe2\x82z", "ignore") == "az");
    CHECK(decoded("ascii", "a\xe9z", "ignore") == "az");
    CHECK(decoded("shift_jis", "a\xff\x81", "ignore") == "a");
}

TEST_CASE("TextDecoder: backslash and tilde of Shift JIS are those of ASCII") {
    CHECK(decoded("shift_jis", "C:\\~") == "C:\\~");
}

TEST_CASE("TextDecoder: a character cut between two pieces comes whole with the second") {
    TextDecoder decoder = decoder_for("utf-8");
    std::string text = "a\xe2\x82";
    decoder.decode(text, 0, false);
    REQUIRE(text == "a");

    text += "\xacz";
    decoder.decode(text, 1, false);

    CHECK(text == "a\u20acz");
}

TEST_CASE("TextDecoder: without an encoding bytes stay, whatever they are") {
    TextDecoder bytes;
    TextDecoder text{true};
    std::string a = "\xff\r\n";
    std::string b = a;

    bytes.decode(a, 0, true);
    text.decode(b, 0, true);

    CHECK(a == "\xff\r\n");
    CHECK(b == "\xff\n");
}

TEST_CASE("TextDecoder: after an error the text is what it was, and it goes on behind") {
    TextDecoder decoder = decoder_for("utf-8");
    std::string text = "known";
    text += "bad\xff";

    try {
        decoder.decode(text, 5, false);
        FAIL("a bad byte was decoded");
    } catch (const UnicodeDecodeError& error) {
        CHECK(error.object() == "bad\xff");
        CHECK(error.start() == 3);
    }
    CHECK(text == "known");
    text += "good";
    decoder.decode(text, 5, true);

    CHECK(text == "knowngood");
}

TEST_CASE("TextDecoder: the character set of an escape sequence outlives the piece") {
    TextDecoder decoder = decoder_for("iso2022_jp");
    std::string text = "\x1b$B";
    decoder.decode(text, 0, false);
    TextDecoder moved = std::move(decoder);

    text += "F|";
    moved.decode(text, 0, true);

    CHECK(text == "\u65e5");
}

TEST_CASE("is_cut_short: only the beginning of a character is") {
    CHECK(subprocess::detail::is_cut_short("\xe2"));
    CHECK(subprocess::detail::is_cut_short("\xe2\x82"));
    CHECK(subprocess::detail::is_cut_short("\xf0\x90\x80"));
    CHECK_FALSE(subprocess::detail::is_cut_short(""));
    CHECK_FALSE(subprocess::detail::is_cut_short("\u20ac"));
    CHECK_FALSE(subprocess::detail::is_cut_short("\xe2("));
    CHECK_FALSE(subprocess::detail::is_cut_short("\xff"));
    CHECK_FALSE(subprocess::detail::is_cut_short("\x80"));
}

TEST_CASE("TextDecoder: the time for faults grows with their number, not its square") {
    const std::string bytes(300'000, '\x81');

    CHECK(decoded("utf-8", bytes, "ignore").empty());
    CHECK(decoded("cp1252", bytes, "replace").size() == 900'000);
}
