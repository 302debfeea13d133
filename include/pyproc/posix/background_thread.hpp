// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <pthread.h>
#include <signal.h>

namespace pyproc::posix {

/// Starts a thread that nobody joins and that blocks all signals: they are the program's
/// business, and none of its handlers is to run in a thread of the library's.
///
/// @return 0, or EAGAIN if there can't be another thread.
/// Source: pthread_create(3), pthread_sigmask(3).
[[nodiscard]] inline int start_background_thread(void* (*serve)(void*),
                                                 void* argument) noexcept {
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread{};
    const int code = ::pthread_create(&thread, nullptr, serve, argument);
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    if (code == 0) ::pthread_detach(thread);
    return code;
}

}  // namespace pyproc::posix
