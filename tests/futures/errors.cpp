// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/errors.hpp"

#include <string>

#include "support/catch.hpp"

using namespace pyproc::futures;

TEST_CASE("The errors of futures are caught as what they are a kind of") {
    CHECK_THROWS_AS(throw BrokenProcessPool{"why"}, BrokenExecutor);
    CHECK_THROWS_AS(throw BrokenExecutor{"why"}, std::runtime_error);
    CHECK(BrokenProcessPool{"why"}.what() == std::string{"why"});
    CHECK(CancelledError{}.what() == std::string{"the future was cancelled"});
}
