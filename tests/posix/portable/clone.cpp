// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/clone.hpp"

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("clone_and_run: POSIX has no such call") {
    const auto entry = [](void*) noexcept {};

    CHECK(platform::clone_and_run(platform::DescriptorTable::copied, entry, nullptr)
              .code() == ENOSYS);
}
