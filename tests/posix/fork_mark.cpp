// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/fork_mark.hpp"

#include "support/catch.hpp"
#include "support/forked.hpp"

using pyproc::posix::ForkMark;

TEST_CASE("ForkMark: the process that made it is not forked, and its children are") {
    const ForkMark mark;

    const int child = test::forked([&] { return mark.is_forked() ? 1 : 0; });
    const int grandchild = test::forked(
        [&] { return test::forked([&] { return mark.is_forked() ? 1 : 0; }); });

    CHECK_FALSE(mark.is_forked());
    CHECK_FALSE(mark.is_elsewhere());
    CHECK(test::forked([&] { return mark.is_elsewhere() ? 1 : 0; }) == 1);
    CHECK(mark.is_sure() == (child == 1));
    CHECK(child == grandchild);
#ifdef MADV_WIPEONFORK
    if (child == 0) WARN("this kernel can't mark memory");
#endif
}
