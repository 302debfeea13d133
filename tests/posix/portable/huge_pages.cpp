// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/huge_pages.hpp"

#include <cerrno>

#include "support/catch.hpp"

TEST_CASE("advise_huge_pages: there is no such advice, and nothing changes") {
    char block[16];
    errno = 77;

    pyproc::posix::platform::advise_huge_pages(block, sizeof block);

    CHECK(errno == 77);
}
