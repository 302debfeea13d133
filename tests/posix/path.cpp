// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/path.hpp"

#include <filesystem>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using pyproc::posix::Path;

TEST_CASE("Path: any kind of string makes one") {
    CHECK(Path{"/tmp"}.string() == "/tmp");
    CHECK(Path{std::string{"/tmp"}}.string() == "/tmp");
    CHECK(Path{std::string_view{"/tmp"}}.string() == "/tmp");
    CHECK(std::string{Path{"/tmp"}.c_str()} == "/tmp");
}

TEST_CASE("Path: std::filesystem::path makes one, through its native() alone") {
    CHECK(Path{std::filesystem::path{"/tmp"} / "file"}.string() == "/tmp/file");
}

TEST_CASE("Path: one made of nothing is empty") {
    CHECK(Path{}.empty());
    CHECK_FALSE(Path{"."}.empty());
}
