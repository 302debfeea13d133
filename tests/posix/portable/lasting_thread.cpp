// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/lasting_thread.hpp"

#include "support/catch.hpp"

using pyproc::posix::platform::run_in_lasting_thread;

TEST_CASE("run_in_lasting_thread: there is none, and the work is not done") {
    bool is_done = false;

    const auto done = run_in_lasting_thread(
        [](void* to) noexcept { *static_cast<bool*>(to) = true; }, &is_done);

    CHECK(done.code() == ENOSYS);
    CHECK_FALSE(is_done);
}
