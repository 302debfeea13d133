// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/text.hpp"

#include <string>

#include "support/catch.hpp"

using pyproc::subprocess::NewlineTranslator;

namespace {

std::string translated(std::string text) {
    NewlineTranslator newlines;
    newlines.translate(text);
    return text;
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
