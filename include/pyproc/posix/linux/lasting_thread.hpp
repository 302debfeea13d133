// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <mutex>

#include <semaphore.h>

#include "pyproc/posix/background_thread.hpp"
#include "pyproc/posix/linux/system_call.hpp"
#include "pyproc/posix/per_process.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix::platform {

namespace detail {

/// A thread that does work for others, one at a time, until the process ends.
class LastingThread {
public:
    LastingThread() noexcept {
        ::sem_init(&asked_, 0, 0);
        ::sem_init(&answered_, 0, 0);
    }

    [[nodiscard]] Result<void> run(void (*work)(void*) noexcept, void* argument) {
        const std::lock_guard<std::mutex> turn{turn_};
        if (!is_started_) {
            const int code = start_background_thread(serve, this);
            if (code != 0) return Error{code};
            is_started_ = true;
        }
        asker_ = system_call(SYS_gettid);
        work_ = work;
        argument_ = argument;
        ::sem_post(&asked_);
        sleep_on(answered_);
        if (work_ != nullptr) return Error{EINVAL};
        return {};
    }

private:
    static void* serve(void* argument) noexcept {
        auto& self = *static_cast<LastingThread*>(argument);
        for (;;) {
            sleep_on(self.asked_);
            if (self.is_like_asker()) {
                self.work_(self.argument_);
                self.work_ = nullptr;
            }
            ::sem_post(&self.answered_);
        }
    }

    /// Whether this thread has the descriptors and the working directory of the one that
    /// asks; true where that can't be known. Source: kcmp(2), unshare(2).
    [[nodiscard]] bool is_like_asker() const noexcept {
        constexpr long descriptors = 2;  // KCMP_FILES
        constexpr long directories = 3;  // KCMP_FS
        const long thread = system_call(SYS_gettid);
        return system_call(SYS_kcmp, asker_, thread, descriptors) <= 0 &&
               system_call(SYS_kcmp, asker_, thread, directories) <= 0;
    }

    static void sleep_on(sem_t& semaphore) noexcept {
        while (::sem_wait(&semaphore) != 0) {
        }
    }

    std::mutex turn_;
    bool is_started_ = false;
    sem_t asked_;
    sem_t answered_;
    long asker_ = 0;
    void (*work_)(void*) noexcept = nullptr;  ///< null once it is done
    void* argument_ = nullptr;
};

}  // namespace detail

/// Has `work(argument)` done by a thread that lives as long as the process, and waits
/// until it is done. The thread is made when it is first needed; it blocks all signals.
///
/// For what the kernel ties to the thread that does it and not to its process.
///
/// @return EAGAIN if there can't be another thread; EINVAL for a caller that has
///         descriptors or a working directory of its own (unshare(2)): nothing is done.
/// Threads: any number at once; they take turns.
[[nodiscard]] inline Result<void> run_in_lasting_thread(void (*work)(void*) noexcept,
                                                        void* argument) {
    return of_this_process<detail::LastingThread>().run(work, argument);
}

}  // namespace pyproc::posix::platform
