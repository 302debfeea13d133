// SPDX-License-Identifier: BSL-1.0
#include "pyproc/concat.hpp"

#include <string>

#include "support/catch.hpp"

using pyproc::concat;

TEST_CASE("concat: the parts stand one behind the other, of whatever kind they are") {
    const std::string name = "name";

    CHECK(concat({"a ", name, std::to_string(5), ""}) == "a name5");
}

TEST_CASE("concat: no parts make an empty string") {
    CHECK(concat({}).empty());
}
