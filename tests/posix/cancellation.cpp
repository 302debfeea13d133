// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/cancellation.hpp"

#include "support/catch.hpp"

using pyproc::posix::CancellationDisabled;

namespace {

/// How cancelling is for this thread; leaves it so.
int state() {
    int now = -1;
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &now);
    ::pthread_setcancelstate(now, nullptr);
    return now;
}

}  // namespace

TEST_CASE("CancellationDisabled: holds while it lives, then all is as before") {
    const int before = state();
    int between = -1;
    {
        const CancellationDisabled outer;
        const CancellationDisabled inner;
        between = state();
    }

    CHECK(before == PTHREAD_CANCEL_ENABLE);
    CHECK(between == PTHREAD_CANCEL_DISABLE);
    CHECK(state() == PTHREAD_CANCEL_ENABLE);
}

TEST_CASE("restore: ends it early") {
    const CancellationDisabled disabled;

    disabled.restore();

    CHECK(state() == PTHREAD_CANCEL_ENABLE);
}
