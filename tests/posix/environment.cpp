// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/environment.hpp"

#include "support/catch.hpp"
#include "support/replaced_environment.hpp"

using namespace pyproc;

TEST_CASE("environment: after clearenv it is empty, not null") {
    const test::ReplacedEnvironment replaced{nullptr};

    REQUIRE(posix::environment() != nullptr);
    CHECK(*posix::environment() == nullptr);
}

TEST_CASE("environment: it is the process's own, not a copy") {
    char variable[] = "A=1";
    char* block[] = {variable, nullptr};
    const test::ReplacedEnvironment replaced{block};

    CHECK(posix::environment() == block);
}
