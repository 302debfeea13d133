// SPDX-License-Identifier: BSL-1.0
#include "pyproc/shlex.hpp"

#include <string>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using Words = std::vector<std::string>;

// tests/parity/test_shlex.py compares some 200,000 random strings with Python.

TEST_CASE("split: blanks part words, however many there are") {
    CHECK(shlex::split(" ls  -l\t/tmp\n") == Words{"ls", "-l", "/tmp"});
    CHECK(shlex::split("").empty());
    CHECK(shlex::split(" \t\r\n").empty());
}

TEST_CASE("split: quotes keep blanks, and go away") {
    CHECK(shlex::split("'a b' \"c d\" e'f'g") == Words{"a b", "c d", "efg"});
    CHECK(shlex::split("'' \"\" x''") == Words{"", "", "x"});
}

TEST_CASE("split: a backslash takes the meaning from the next character") {
    CHECK(shlex::split(R"(a\ b \' \\)") == Words{"a b", "'", "\\"});
    CHECK(shlex::split(R"('\')") == Words{"\\"});
    CHECK(shlex::split(R"("\"" "\\" "\a")") == Words{"\"", "\\", "\\a"});
}

TEST_CASE("split: comments are words unless they are asked for") {
    CHECK(shlex::split("a #b\nc") == Words{"a", "#b", "c"});
    CHECK(shlex::split("a #b\nc", true) == Words{"a", "c"});
    CHECK(shlex::split("a#b\nc", true) == Words{"a", "c"});
    CHECK(shlex::split("'#' a", true) == Words{"#", "a"});
}

TEST_CASE("split: outside POSIX quotes stay, and backslashes mean nothing") {
    CHECK(shlex::split(R"('a b' c\ d)", false, false) == Words{"'a b'", "c\\", "d"});
    CHECK(shlex::split("a'b'c", false, false) == Words{"a'b'c"});
    CHECK(shlex::split("'a'b", false, false) == Words{"'a'", "b"});
}

TEST_CASE("split: a line that ends too early is a ValueError") {
    CHECK_THROWS_AS(shlex::split("'a"), ValueError);
    CHECK_THROWS_AS(shlex::split("\"a\\\""), ValueError);
    CHECK_THROWS_AS(shlex::split("a\\"), ValueError);
    CHECK_THROWS_AS(shlex::split("'a", false, false), ValueError);
}

TEST_CASE("quote: a safe word stays as it is, any other stands in single quotes") {
    CHECK(shlex::quote("a-Z0_9@%+=:,./") == "a-Z0_9@%+=:,./");
    CHECK(shlex::quote("") == "''");
    CHECK(shlex::quote("a b") == "'a b'");
    CHECK(shlex::quote("it's") == R"('it'"'"'s')");
    CHECK(shlex::quote("\xc3\xa9") == "'\xc3\xa9'");
}

TEST_CASE("join: split takes it apart into the same words") {
    const Words words{"ls", "", "a b", "it's", "$HOME", "\\", "\n"};

    CHECK(shlex::split(shlex::join(words)) == words);
    CHECK(shlex::join({"ls", "my file"}) == "ls 'my file'");
    CHECK(shlex::join(Words{}).empty());
}
