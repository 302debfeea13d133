// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/event_count.hpp"
#include "pyproc/posix/robust_mutex.hpp"

namespace pyproc::posix {

/// A robust lock, and a way to sleep until what it guards has changed: what the
/// synchronisation primitives that outlive a killed process are made of.
///
/// A change that takes more than one store can be cut in half by a kill. So make the one
/// store that counts last, or let who gets the lock `from_dead` repair.
///
/// In shared memory, where it was made; see `RobustMutex`. A thread that has it must not
/// ask for it again.
class Monitor {
public:
    Locked lock() noexcept { return mutex_.lock(); }
    [[nodiscard]] Locked try_lock() noexcept { return mutex_.try_lock(); }
    [[nodiscard]] Locked lock_until(Deadline deadline) noexcept {
        return mutex_.lock_until(deadline);
    }
    void unlock() noexcept { mutex_.unlock(); }

    /// Wakes all that wait. To be called with the lock held, before the change.
    void announce() noexcept { changed_.announce(); }

    /// Gives the lock up, and sleeps until an `announce` since or the deadline, or less.
    /// Who comes back does not have the lock, and the change may still be to come.
    void unlock_and_sleep(Deadline deadline) noexcept {
        const auto prepared = changed_.prepare();
        mutex_.unlock();
        changed_.sleep(prepared, deadline);
    }

    /// Waits until `is_ready()`, which is asked with the lock held. Called and left with
    /// the lock held; it is given up while asleep.
    ///
    /// @param repair  Called when the lock came from one that died holding it.
    /// @return Whether it is ready; false if the deadline came first.
    template <class Ready, class Repair>
    [[nodiscard]] bool wait_until(Ready is_ready, Deadline deadline, Repair repair) {
        while (!is_ready()) {
            if (deadline.has_passed()) return false;
            unlock_and_sleep(deadline);
            // Without a limit: it is held for moments, and what waits must come back
            // with it.
            if (mutex_.lock() == Locked::from_dead) repair();
        }
        return true;
    }

private:
    RobustMutex mutex_;
    EventCount changed_;
};

}  // namespace pyproc::posix
