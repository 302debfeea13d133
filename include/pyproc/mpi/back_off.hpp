// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <chrono>

#include <sched.h>
#include <time.h>

namespace pyproc::mpi::detail {

/// How to wait for what MPI can only be asked for again and again: who has waited for
/// long may as well wait a little longer.
///
/// For the first moment the processor is only offered to others. After that it sleeps, an
/// eighth of the time that it has waited so far, but no more than a millisecond: that
/// costs an idle process a thousandth or two of a processor.
///
/// Python: the `backoff` of mpi4py.futures, which sleeps no more than a millisecond, too.
class BackOff {
public:
    using clock = std::chrono::steady_clock;

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
        if (so_far < moment) {
            ::sched_yield();
            return;
        }
        const std::chrono::nanoseconds sleep =
            std::min<clock::duration>(so_far / 8, longest);
        const timespec time{.tv_sec = 0, .tv_nsec = sleep.count()};
        ::nanosleep(&time, nullptr);
    }

private:
    static constexpr std::chrono::microseconds moment{60};
    static constexpr std::chrono::milliseconds longest{1};

    bool is_waiting_ = false;
    clock::time_point since_;
};

}  // namespace pyproc::mpi::detail
