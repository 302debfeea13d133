// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/completed_process.hpp"

#include "pyproc/repr.hpp"
#include "support/catch.hpp"

using namespace pyproc::subprocess;

TEST_CASE("CompletedProcess: check_returncode throws for anything but 0") {
    const CompletedProcess good{.args = "true"};
    const CompletedProcess bad{
        .args = "false", .returncode = 1, .std_out = "o", .std_err = "e"};

    CHECK_NOTHROW(good.check_returncode());
    try {
        bad.check_returncode();
        FAIL("a failure passed for a success");
    } catch (const CalledProcessError& error) {
        CHECK(error.returncode() == 1);
        CHECK(error.output() == "o");
        CHECK(error.std_err() == "e");
    }
}

TEST_CASE("StatusOutput: it comes apart into two, and prints as Python's tuple") {
    const StatusOutput result{1, "it's"};
    const auto& [exitcode, output] = result;

    CHECK(exitcode == 1);
    CHECK(output == "it's");
    CHECK(pyproc::repr(result) == R"((1, "it's"))");
}
