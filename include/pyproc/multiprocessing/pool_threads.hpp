// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>

#include <time.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/background_thread.hpp"

namespace pyproc::multiprocessing::detail {

/// The threads that work for a pool.
///
/// Apart from the pool, so that who joins them can be told of their end when they have
/// let go of it: then nothing of it is left but what others hold.
///
/// Threads: any member may be called by any thread at any time.
class PoolThreads {
public:
    PoolThreads() = default;
    PoolThreads(const PoolThreads&) = delete;
    PoolThreads& operator=(const PoolThreads&) = delete;

    /// Starts a thread that calls a member function of `owner`, which lives until then.
    ///
    /// @tparam serve  Begun anew, after a moment, if an exception leaves it: there was no
    ///                memory.
    /// @throws OSError  There can't be another thread.
    template <auto serve, class Owner>
    static void start(const std::shared_ptr<PoolThreads>& threads,
                      const std::shared_ptr<Owner>& owner) {
        struct Start {
            std::shared_ptr<PoolThreads> threads;
            std::shared_ptr<Owner> owner;
        };
        const auto run = [](void* argument) -> void* {
            const std::unique_ptr<Start> mine{static_cast<Start*>(argument)};
            current_ = mine->threads.get();
            while (!has_served([&] { ((*mine->owner).*serve)(); })) {
            }
            mine->owner.reset();
            mine->threads->leave();
            return nullptr;
        };
        auto start = std::make_unique<Start>(Start{threads, owner});
        threads->enter();
        const int code = posix::start_background_thread(run, start.get());
        if (code != 0) {
            threads->leave();
            throw_os_error(code, "pthread_create");
        }
        static_cast<void>(start.release());
    }

    /// Whether the calling thread is one of these.
    [[nodiscard]] bool is_here() const noexcept { return current_ == this; }

    /// Waits until they have ended. Called by one of them it does not wait.
    void join() {
        if (is_here()) return;
        std::unique_lock lock{mutex_};
        changed_.wait(lock, [this] { return count_ == 0; });
    }

private:
    template <class Serve>
    [[nodiscard]] static bool has_served(Serve serve) {
        try {
            serve();
            return true;
        } catch (const std::exception&) {
            const timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
            ::nanosleep(&moment, nullptr);
            return false;
        }
    }

    void enter() {
        const std::lock_guard lock{mutex_};
        ++count_;
    }

    void leave() {
        const std::lock_guard lock{mutex_};
        --count_;
        changed_.notify_all();
    }

    std::mutex mutex_;  ///< guards the count
    std::condition_variable changed_;
    int count_ = 0;

    static inline thread_local constinit const PoolThreads* current_ = nullptr;
};

}  // namespace pyproc::multiprocessing::detail
