// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/boost.hpp"

#include <type_traits>

#include "support/catch.hpp"

namespace process_v2 = boost::process::v2;

TEST_CASE("boost.hpp: Boost.Process v2 and its initialisers are there, in one include") {
    STATIC_REQUIRE(std::is_move_constructible_v<process_v2::process>);
    STATIC_REQUIRE(std::is_move_constructible_v<process_v2::process_handle>);
    STATIC_REQUIRE(std::is_default_constructible_v<process_v2::posix::default_launcher>);
    STATIC_REQUIRE(std::is_default_constructible_v<process_v2::process_stdio>);
    STATIC_REQUIRE(std::is_class_v<process_v2::process_start_dir>);
    STATIC_REQUIRE(std::is_class_v<process_v2::process_environment>);
    STATIC_REQUIRE(std::is_class_v<process_v2::posix::bind_fd>);
}
