// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/barrier_state.hpp"
#include "pyproc/multiprocessing/memberships.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"

namespace pyproc::multiprocessing {

/// A barrier was broken or reset while a thread waited at it, or is broken.
///
/// Python: `threading.BrokenBarrierError`.
class BrokenBarrierError : public std::runtime_error {
public:
    BrokenBarrierError() : std::runtime_error{"the barrier is broken"} {}
};

/// A place where a fixed number of threads, of any processes, wait for each other, round
/// after round. Shared with the processes that this one forks from now on.
///
/// It breaks when a party dies, so that nobody waits for the dead: one that is waiting,
/// or runs the action, or has passed in the last round and so is expected again. Those
/// that wait learn of it within a fifth of a second. So it does when an exception leaves
/// the target of a `Process`. Who ends in an ordinary way, by returning from a thread's
/// function, from `main` or from the target of a `Process`, or by `SystemExit` or
/// `std::exit`, leaves; the barrier waits for another to take its part. Of one that is
/// killed before it has ever waited nothing is known: where that may be, give a limit.
///
/// Threads: any number at once, in any number of processes, more than there are parties,
///          too.
/// Python:  `multiprocessing.Barrier`.
class Barrier {
public:
    /// @param parties  How many must wait until all may go on.
    /// @param action   Called by one of them once all have come, before any goes on.
    /// @param timeout  What `wait` waits at most if it isn't told.
    /// @throws ValueError  `parties` is less than 1.
    /// @throws OSError     ENOMEM.
    explicit Barrier(int parties, std::function<void()> action = {},
                     posix::Timeout timeout = {})
        : action_{std::move(action)}, timeout_{timeout} {
        if (parties < 1) throw ValueError{"parties must be > 0"};
        const unsigned places = 2 * static_cast<unsigned>(parties) + spare_places;
        state_ = detail::make_shared_state_with<detail::BarrierState>(
            detail::BarrierState::space_for(places), parties, places);
    }

    /// Waits until all parties have come.
    ///
    /// @return How many had come before, from 0 to one less than there are parties.
    /// @throws BrokenBarrierError  It is broken, or was reset meanwhile.
    /// @throws  What the action throws, where it is called; that breaks the barrier.
    int wait() { return wait(timeout_); }

    /// The same, but waits no longer than `limit`. If it comes to that, the barrier is
    /// broken.
    int wait(posix::Timeout limit) {
        const auto deadline = posix::Deadline::after(limit);
        const unsigned place = take_place();
        int index = 0;
        switch (state_->wait(place, deadline, static_cast<bool>(action_), index)) {
            case detail::Passing::passed: return index;
            case detail::Passing::broken: throw BrokenBarrierError{};
            case detail::Passing::is_last: break;
        }
        try {
            action_();
        } catch (...) {
            state_->abort();
            static_cast<void>(state_->finish(place));
            throw;
        }
        if (!state_->finish(place)) throw BrokenBarrierError{};
        return index;
    }

    /// Breaks the barrier: all that wait, and all that come, get a `BrokenBarrierError`
    /// until it is reset.
    void abort() noexcept { state_->abort(); }

    /// Makes it as it was at first. Those that wait get a `BrokenBarrierError`.
    void reset() noexcept { state_->reset(); }

    [[nodiscard]] int parties() const noexcept { return state_->parties(); }

    /// How many are waiting now.
    [[nodiscard]] int n_waiting() const noexcept { return state_->n_waiting(); }

    [[nodiscard]] bool broken() const noexcept { return state_->is_broken(); }

private:
    /// For threads that do not end and do not come back either. They take no memory until
    /// they are used.
    static constexpr unsigned spare_places = 1024;

    [[nodiscard]] unsigned take_place() {
        using detail::BarrierState;
        using detail::Memberships;
        unsigned place = Memberships::place_in(state_.get());
        if (place != Memberships::none) return place;
        if (!state_->take_place(place)) {
            throw std::length_error{"Barrier.wait: too many threads use it"};
        }
        const auto leave = [](void* state, unsigned number) noexcept {
            static_cast<BarrierState*>(state)->leave_place(number);
        };
        try {
            Memberships::add(state_, place, leave);
        } catch (...) {
            state_->leave_place(place);
            throw;
        }
        return place;
    }

    std::function<void()> action_;
    posix::Timeout timeout_;
    std::shared_ptr<detail::BarrierState> state_;
};

}  // namespace pyproc::multiprocessing
