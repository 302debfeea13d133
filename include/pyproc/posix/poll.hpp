// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <span>

#include <poll.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// Sleeps until one of `entries` is ready or the deadline has come; signals do not cut it
/// short.
///
/// @return How many are ready; 0 when the deadline came first.
/// Source: ppoll(2), whose nanoseconds keep a short wait from being rounded to a
///         millisecond.
[[nodiscard]] inline Result<int> poll_until(std::span<pollfd> entries,
                                            Deadline deadline) {
    for (;;) {
        int ready = 0;
        if (deadline.is_never()) {
            ready = ::poll(entries.data(), static_cast<nfds_t>(entries.size()), -1);
        } else {
            const timespec left = deadline.remaining();
            ready = platform::poll_for(entries.data(),
                                       static_cast<nfds_t>(entries.size()), left);
        }
        // A deadline too far for one call takes several.
        if (ready > 0 || (ready == 0 && deadline.has_passed())) return ready;
        if (ready < 0 && errno != EINTR) return Error{errno};
    }
}

}  // namespace pyproc::posix
