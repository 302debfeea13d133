// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

#include <time.h>

#include "pyproc/posix/relax.hpp"

namespace pyproc::mpi::detail {

/// How to wait for what MPI can only be asked for again and again: who has waited for
/// long may as well wait a little longer.
///
/// For a first moment it spins, if it is to: what answers at once is seen at once. The
/// moment is longer than a thread takes to wake up and to send the next call; else rank 0
/// and its worker would each find the other asleep, call after call. After that it
/// sleeps, an eighth of the time that it has waited so far, but no more than a
/// millisecond. It does not offer the processor to others instead, who would keep it for
/// milliseconds on a busy machine; one that sleeps gets it back when it wakes up.
///
/// Python: the `backoff` of mpi4py.futures, which sleeps no more than a millisecond, too.
class BackOff {
public:
    using clock = std::chrono::steady_clock;

    /// @param moment  How long it spins.
    explicit BackOff(std::chrono::microseconds moment = std::chrono::microseconds{200})
        : moment_{moment} {}

    /// There was something: what is waited for now, is waited for anew.
    void reset() noexcept { is_waiting_ = false; }

    /// How long it has been waited.
    [[nodiscard]] clock::duration waited() const noexcept {
        return is_waiting_ ? clock::now() - since_ : clock::duration::zero();
    }

    /// Waits a little.
    void wait() noexcept {
        if (!is_waiting_) {
            is_waiting_ = true;
            since_ = clock::now();
        }
        const auto so_far = waited();
        if (so_far < moment_) {
            posix::relax();
            return;
        }
        const std::chrono::nanoseconds sleep =
            std::min<clock::duration>(so_far / 8, longest);
        const timespec time{.tv_sec = 0, .tv_nsec = sleep.count()};
        ::nanosleep(&time, nullptr);
    }

private:
    static constexpr std::chrono::milliseconds longest{1};

    const std::chrono::microseconds moment_;
    bool is_waiting_ = false;
    clock::time_point since_;
};

}  // namespace pyproc::mpi::detail
