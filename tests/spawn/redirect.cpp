// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/redirect.hpp"

#include <cstdio>
#include <filesystem>
#include <string>

#include "support/catch.hpp"

using namespace pyproc::spawn;
using pyproc::ValueError;

TEST_CASE("Redirect: the special ones are told apart") {
    CHECK(Redirect{PIPE}.is(PIPE));
    CHECK_FALSE(Redirect{PIPE}.is(DEVNULL));
    CHECK_FALSE(Redirect{1}.is(INHERIT));
}

TEST_CASE("Redirect: a descriptor and a FILE are descriptors") {
    CHECK(Redirect{7}.kind() == Redirect::Kind::descriptor);
    CHECK(Redirect{7}.fd() == 7);
    CHECK(Redirect{stderr}.fd() == 2);
}

TEST_CASE("Redirect: 0 is standard input and no null pointer") {
    CHECK(Redirect{0}.fd() == 0);
}

TEST_CASE("Redirect: strings and paths are files") {
    CHECK(Redirect{"out.txt"}.path().string() == "out.txt");
    CHECK(Redirect{std::string{"out.txt"}}.path().string() == "out.txt");
    CHECK(Redirect{std::filesystem::path{"out.txt"}}.path().string() == "out.txt");
    CHECK(Redirect{"out.txt"}.kind() == Redirect::Kind::path);
}

TEST_CASE("Redirect: a negative descriptor and a null FILE are ValueErrors") {
    std::FILE* no_file = nullptr;

    CHECK_THROWS_AS(Redirect{-1}, ValueError);
    CHECK_THROWS_AS(Redirect{no_file}, ValueError);
}
