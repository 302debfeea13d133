// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>

#include <signal.h>

namespace pyproc::posix {

/// Keeps SIGPIPE from the calling thread while it lives, so that writing to a process
/// that has gone is an error code and not the caller's death.
///
/// Only the thread's own mask changes, and changes back: the program's handlers and other
/// threads see nothing. Make it, write and destroy it on one thread.
///
/// Source: pthread_sigmask(3), sigtimedwait(2); SIGPIPE goes to the thread that wrote.
class SigpipeBlocked {
public:
    SigpipeBlocked() noexcept {
        sigemptyset(&only_sigpipe_);
        sigaddset(&only_sigpipe_, SIGPIPE);
        ::pthread_sigmask(SIG_BLOCK, &only_sigpipe_, &before_);
        // A caller that blocks SIGPIPE itself may have one pending that it wants to see.
        if (sigismember(&before_, SIGPIPE) == 1) was_pending_ = is_pending();
    }
    ~SigpipeBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SigpipeBlocked(const SigpipeBlocked&) = delete;
    SigpipeBlocked& operator=(const SigpipeBlocked&) = delete;

    /// Takes away the SIGPIPE that a write has just raised. Call it for each EPIPE.
    void discard_raised() const noexcept {
        // Asked first, since where SIGPIPE is ignored none was raised and sigwait would
        // sleep for ever. Not sigtimedwait: macOS has none.
        if (was_pending_ || !is_pending()) return;
        int signal = 0;
        sigwait(&only_sigpipe_, &signal);
    }

private:
    [[nodiscard]] static bool is_pending() noexcept {
        sigset_t pending;
        sigemptyset(&pending);
        ::sigpending(&pending);
        return sigismember(&pending, SIGPIPE) == 1;
    }

    sigset_t only_sigpipe_;
    sigset_t before_;
    bool was_pending_ = false;
};

/// Keeps all signals from the calling thread while it lives, and from a child that it
/// forks meanwhile until that asks for them.
///
/// Source: pthread_sigmask(3).
class SignalsBlocked {
public:
    SignalsBlocked() noexcept {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_;
};

}  // namespace pyproc::posix
