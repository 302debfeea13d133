// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/system_exit.hpp"

#include <exception>
#include <string>
#include <type_traits>

#include "support/catch.hpp"

using pyproc::multiprocessing::SystemExit;

TEST_CASE("SystemExit: without an argument it is a success") {
    CHECK(SystemExit{}.code() == 0);
    CHECK_FALSE(SystemExit{}.message());
}

TEST_CASE("SystemExit: a number is the exit code, zero too") {
    CHECK(SystemExit{3}.code() == 3);
    CHECK(SystemExit{0}.code() == 0);
    CHECK_FALSE(SystemExit{3}.message());
}

TEST_CASE("SystemExit: a text is a failure with a message, even if it is empty") {
    CHECK(SystemExit{"no such thing"}.code() == 1);
    CHECK(SystemExit{"no such thing"}.message() == "no such thing");
    CHECK(SystemExit{""}.message() == "");
}

TEST_CASE("SystemExit: a handler of errors does not catch it") {
    STATIC_REQUIRE_FALSE(std::is_base_of_v<std::exception, SystemExit>);
}
