// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/iconv.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "support/catch.hpp"

using namespace pyproc::posix;

namespace {

Iconv from_shift_jis() {
    return Iconv::open("UTF-8", "SHIFT_JIS").or_throw("iconv_open");
}

}  // namespace

TEST_CASE("Iconv: an encoding that the C library does not know is EINVAL") {
    CHECK(Iconv::open("UTF-8", "no-such-encoding").code() == EINVAL);
    CHECK_FALSE(Iconv{});
}

TEST_CASE("Iconv: what is converted is appended, all of it, however much it is") {
    Iconv iconv = Iconv::open("UTF-8", "ISO-8859-15").or_throw("iconv_open");
    const std::string much(100'000, '\xa4');  // the euro sign
    std::string output = "before ";

    const Converted done = iconv.convert(much, output);

    CHECK(done.code == 0);
    CHECK(done.taken == much.size());
    CHECK(output.size() == 7 + 3 * much.size());
    CHECK_THAT(output, test::StartsWith("before \u20ac\u20ac"));
}

TEST_CASE("Iconv: a sequence that is cut short is EINVAL, and left to be given again") {
    Iconv iconv = from_shift_jis();
    std::string output;

    const Converted cut = iconv.convert("a\x93", output);
    const Converted whole = iconv.convert("\x93\xfa", output);

    CHECK(cut.code == EINVAL);
    CHECK(cut.taken == 1);
    CHECK(whole.code == 0);
    CHECK(output == "a\u65e5");
}

TEST_CASE("Iconv: bytes that are not of the encoding are EILSEQ, after what is before") {
    Iconv iconv = from_shift_jis();
    std::string output;

    const Converted done = iconv.convert("ab\xff", output);

    CHECK(done.code == EILSEQ);
    CHECK(done.taken == 2);
    CHECK(output == "ab");
}

TEST_CASE("Iconv: a character that the encoding lacks is EILSEQ or counted") {
    Iconv iconv = Iconv::open("ISO-8859-15", "UTF-8").or_throw("iconv_open");
    std::string output;

    const Converted done = iconv.convert("a\u65e5", output);

    const bool is_error = done.code == EILSEQ && done.taken == 1;
    CHECK((is_error || done.substituted == 1));
}

TEST_CASE("Iconv: the character set that was chosen stays chosen, until it is finished") {
    Iconv iconv = Iconv::open("ISO-2022-JP", "UTF-8").or_throw("iconv_open");
    std::string output;

    iconv.convert("\u65e5", output);
    iconv.convert("\u672c", output);
    iconv.finish(output);

    CHECK(output == "\x1b$BF|K\\\x1b(B");
}

TEST_CASE("Iconv: reset forgets the character set") {
    Iconv iconv = Iconv::open("UTF-8", "ISO-2022-JP").or_throw("iconv_open");
    std::string output;

    iconv.convert("\x1b$BF|", output);
    iconv.reset();
    iconv.convert("F|", output);

    CHECK(output == "\u65e5F|");
}

TEST_CASE("Iconv: the state moves along, and assigning closes the one that was there") {
    Iconv first = Iconv::open("UTF-8", "ISO-2022-JP").or_throw("iconv_open");
    std::string output;
    first.convert("\x1b$B", output);

    Iconv second = std::move(first);
    Iconv third = from_shift_jis();
    third = std::move(second);
    third.convert("F|", output);

    CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move)
    CHECK(output == "\u65e5");
}
