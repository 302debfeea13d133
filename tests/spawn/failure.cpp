// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/failure.hpp"

#include <set>
#include <string>

#include "support/catch.hpp"

using namespace pyproc::spawn;

TEST_CASE(
    "describe: every step has words of its own that name the system call or the stream") {
    std::set<std::string> seen;

    for (int step = 0; step <= static_cast<int>(Step::execute); ++step) {
        seen.emplace(describe(static_cast<Step>(step)));
    }

    CHECK(seen.size() == static_cast<std::size_t>(Step::execute) + 1);
    CHECK_FALSE(seen.contains("cannot start the program"));
    CHECK(std::string{describe(Step::execute)} == "cannot execute the program (execve)");
}
