// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/args.hpp"

#include <array>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pyproc/repr.hpp"
#include "support/catch.hpp"

using pyproc::ValueError;
using pyproc::spawn::Args;

namespace {

/// Takes a command as the public functions take it.
std::vector<std::string> words_of(const Args& args) {
    return args.words();
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("Args: one string is one word, and stays known as a string") {
    CHECK(words_of("ls") == Words{"ls"});
    CHECK(words_of(std::string{"ls"}) == Words{"ls"});
    CHECK(words_of(std::string_view{"ls"}) == Words{"ls"});
    CHECK(words_of(std::filesystem::path{"/bin/ls"}) == Words{"/bin/ls"});
    CHECK(Args{"ls"}.words() == Words{"ls"});
    CHECK(Args("ls").is_string());
}

TEST_CASE("Args: a braced list is a list, of strings and paths in any mixture") {
    const std::filesystem::path path = "/bin/ls";
    const std::string string = "-l";

    CHECK(words_of({"ls"}) == Words{"ls"});
    CHECK(words_of({"ls", "-l"}) == Words{"ls", "-l"});
    CHECK(words_of({path, string, std::string_view{"-a"}}) ==
          Words{"/bin/ls", "-l", "-a"});
    CHECK(words_of({string}) == Words{"-l"});
    CHECK_FALSE(Args({"ls"}).is_string());
}

TEST_CASE("Args: two pointers in double braces are two words and not the ends of one") {
    CHECK(words_of({{"ls", "-l"}}) == Words{"ls", "-l"});
}

TEST_CASE("Args: any range of words is a list") {
    const std::vector<std::string> strings{"ls", "-l"};
    const std::vector<std::string_view> views{"ls", "-l"};
    const std::array<const char*, 2> array{"ls", "-l"};
    const std::vector<std::filesystem::path> paths{"ls", "-l"};
    const Words expected{"ls", "-l"};

    CHECK(words_of(strings) == expected);
    CHECK(words_of(views) == expected);
    CHECK(words_of(array) == expected);
    CHECK(words_of(paths) == expected);
    CHECK_FALSE(Args(strings).is_string());
}

TEST_CASE("Args: an array of pointers ends at a null pointer, as for execv") {
    char ls[] = "ls";
    char option[] = "-l";
    char* argv[] = {ls, option, nullptr};
    const char* const constant[] = {"ls", "-l"};
    const Words expected{"ls", "-l"};

    CHECK(words_of(argv) == expected);
    CHECK(words_of(std::span<char*>{argv}) == expected);
    CHECK(words_of(constant) == expected);
}

TEST_CASE("Args: a null pointer for a word is a ValueError") {
    const char* nothing = nullptr;

    CHECK_THROWS_AS(Args(nothing), ValueError);
    CHECK_THROWS_AS(Args({"ls", nothing}), ValueError);
}

TEST_CASE("Args: a copy is equal, and a string is not the list of that one string") {
    const Args list{"ls", "-l"};
    const Args copy = list;  // NOLINT(performance-unnecessary-copy-initialization)

    CHECK(copy == list);
    CHECK_FALSE(Args("ls") == Args({"ls"}));
}

TEST_CASE("Args: it is a range of its words") {
    const Args args{"ls", "-l"};

    CHECK(args.size() == 2);
    CHECK(args[1] == "-l");
    CHECK(Words(args.begin(), args.end()) == args.words());
    CHECK(Args{}.empty());
}

TEST_CASE("repr: a command prints as Python prints the string or the list") {
    CHECK(pyproc::repr(Args("date")) == "'date'");
    CHECK(pyproc::repr(Args({"ls", "it's"})) == R"(['ls', "it's"])");
    CHECK(pyproc::repr(Args{}) == "[]");
}
