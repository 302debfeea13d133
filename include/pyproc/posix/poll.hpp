// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <poll.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// Sleeps until one of the `count` `entries` is ready or the deadline has come; signals
/// do not cut it short.
///
/// @return How many are ready; 0 when the deadline came first.
/// Source: ppoll(2), whose nanoseconds keep a short wait from being rounded to a
///         millisecond.
[[nodiscard]] inline Result<int> poll_until(pollfd* entries, nfds_t count,
                                            Deadline deadline) {
    for (;;) {
        int ready = 0;
        if (deadline.is_never()) {
            ready = ::poll(entries, count, -1);
        } else {
            const timespec left = deadline.remaining();
            ready = platform::poll_for(entries, count, left);
        }
        // A deadline too far for one call takes several.
        if (ready > 0 || (ready == 0 && deadline.has_passed())) return ready;
        if (ready < 0 && errno != EINTR) return Error{errno};
    }
}

}  // namespace pyproc::posix
