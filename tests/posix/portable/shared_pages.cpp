// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/shared_pages.hpp"

#include <cstddef>

#include "support/catch.hpp"

TEST_CASE("give_back_pages: it changes nothing") {
    std::byte bytes[4096] = {std::byte{1}};

    pyproc::posix::platform::give_back_pages(bytes, sizeof bytes);

    CHECK(bytes[0] == std::byte{1});
}
