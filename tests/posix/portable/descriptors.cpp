// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/descriptors.hpp"

#include "support/descriptor_calls.hpp"

TEST_CASE("has_descriptors_of_process: every thread has them") {
    CHECK(platform::has_descriptors_of_process());
}
