// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/platform_ipc.hpp"

#include "support/catch.hpp"

TEST_CASE("platform_ipc: the portable side is taken when it is forced") {
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    constexpr bool is_portable = true;
#else
    constexpr bool is_portable = false;
#endif

    CHECK(pyproc::posix::platform::gives_back_pages == !is_portable);
}
