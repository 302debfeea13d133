// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <pthread.h>

namespace pyproc::posix {

/// Keeps the calling thread from being cancelled while it lives.
///
/// Source: pthread_setcancelstate(3).
class CancellationDisabled {
public:
    CancellationDisabled() noexcept {
        ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
    }
    ~CancellationDisabled() { restore(); }
    CancellationDisabled(const CancellationDisabled&) = delete;
    CancellationDisabled& operator=(const CancellationDisabled&) = delete;

    /// For a forked child, which does not come to the end of the scope.
    void restore() const noexcept { ::pthread_setcancelstate(before_, nullptr); }

private:
    int before_ = PTHREAD_CANCEL_ENABLE;
};

}  // namespace pyproc::posix
