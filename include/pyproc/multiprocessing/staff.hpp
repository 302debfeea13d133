// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/exit_status.hpp"
#include "pyproc/multiprocessing/pool_memory.hpp"
#include "pyproc/multiprocessing/popen_fork.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/worker.hpp"
#include "pyproc/posix/signal_mask.hpp"

namespace pyproc::multiprocessing::detail {

/// How the workers of a pool are made.
struct StaffTerms {
    std::function<void()> initializer = {};  ///< called first by each; may be empty
    bool is_daemon = true;                   ///< whether they may not have children
    unsigned most_tasks = 0;  ///< after so many a worker is replaced; 0 for never
    std::string name = {};    ///< what they are called, before a number
};

/// The workers of a pool: one at each desk, or none while it is being replaced.
///
/// Threads: any member may be called by any thread at any time, but `fill` by one at a
///          time.
class Staff {
public:
    /// A worker that has ended.
    struct Gone {
        std::uint32_t number;
        pid_t pid;
        ExitStatus status;
        bool was_ready;  ///< whether it had come past its initializer
    };

    Staff(PoolMemory& memory, StaffTerms terms)
        : memory_{memory}, terms_{std::move(terms)}, desks_(memory.desk_count()) {
        ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked_signals_);
    }

    /// Forks a worker for each empty desk, unless they have been sent a signal to end.
    ///
    /// Others need not wait for it: what a fork calls of the program's, or writes out for
    /// it, may take its time, or wait for a lock of one who signals the workers.
    ///
    /// @throws OSError           The system refuses another process; those that could be
    ///                           started have been.
    /// @throws std::logic_error  The calling process is a daemon.
    void fill() {
        for (unsigned desk = 0; desk < desks_.size(); ++desk) {
            {
                const std::lock_guard lock{mutex_};
                if (ended_by_ != 0) return;
                if (desks_[desk]) continue;
                starting_ = ++last_number_;
                is_starting_killed_ = false;
            }
            start_at(desk);
        }
    }

    [[nodiscard]] bool is_empty() const { return count() == 0; }

    [[nodiscard]] std::size_t count() const {
        const std::lock_guard lock{mutex_};
        std::size_t count = 0;
        for (const auto& worker : desks_) count += worker ? 1U : 0U;
        return count;
    }

    [[nodiscard]] bool is_full() const { return count() == desks_.size(); }

    /// Appends what to wait for until one of them may have ended.
    ///
    /// @return Whether these tell of each end at once. They do not if there is no
    ///         descriptor to be had for one, or no pidfds: what stands for these is kept
    ///         open by a process that a task has forked, or closed by a task.
    [[nodiscard]] bool append_sentinels(std::vector<pollfd>& entries) {
        bool is_sure = has_pidfds();
        const std::lock_guard lock{mutex_};
        for (const auto& worker : desks_) {
            if (!worker) continue;
            try {
                entries.push_back(
                    {.fd = worker->state->sentinel(), .events = POLLIN, .revents = 0});
            } catch (const OSError&) {
                is_sure = false;
            }
        }
        return is_sure;
    }

    /// Takes those that have ended from their desks, and appends them.
    void remove_ended(std::vector<Gone>& gone) {
        const std::lock_guard lock{mutex_};
        gone.reserve(gone.size() + desks_.size());  // so that none is lost on the way
        for (unsigned desk = 0; desk < desks_.size(); ++desk) {
            if (!desks_[desk]) continue;
            ChildHandle& child = *desks_[desk]->state->child();
            const auto end = child.poll();
            if (!end) continue;
            gone.push_back({desks_[desk]->number, child.pid(), end->status,
                            memory_.desk(desk).is_ready != 0});
            Registry::here().forget(desks_[desk]->state);
            desks_[desk]->state->close();
            desks_[desk].reset();
        }
    }

    /// The number of the latest worker that has come past its initializer; 0 if there is
    /// none.
    [[nodiscard]] std::uint32_t latest_ready() {
        const std::lock_guard lock{mutex_};
        std::uint32_t latest = 0;
        for (unsigned desk = 0; desk < desks_.size(); ++desk) {
            const bool is_ready = desks_[desk] && memory_.desk(desk).is_ready != 0;
            if (is_ready) latest = std::max(latest, desks_[desk]->number);
        }
        return latest;
    }

    /// Kills the worker of this number, if it is still there.
    void kill(std::uint32_t number) {
        const std::lock_guard lock{mutex_};
        if (number == starting_) is_starting_killed_ = true;
        for (const auto& worker : desks_) {
            if (worker && worker->number == number) send(*worker, SIGKILL);
        }
    }

    /// Has all of them end by a signal. No worker is added after that.
    void end_by(int signal) {
        const std::lock_guard lock{mutex_};
        ended_by_ = signal;
        for (const auto& worker : desks_) {
            if (worker) send(*worker, signal);
        }
    }

    [[nodiscard]] std::vector<pid_t> pids() const {
        const std::lock_guard lock{mutex_};
        std::vector<pid_t> pids;
        for (const auto& worker : desks_) {
            if (worker) pids.push_back(worker->state->pid());
        }
        return pids;
    }

private:
    struct Member {
        SharedState state;
        std::uint32_t number;
    };

    void start_at(unsigned desk) {
        SharedState state;
        try {
            state = fork_for(desk);
        } catch (...) {
            const std::lock_guard lock{mutex_};
            starting_ = 0;
            throw;
        }
        try {
            // Opened now, so that it need not be when there are no descriptors left.
            static_cast<void>(state->sentinel());
        } catch (...) {
            // It may be at a task already, so it stays, and is looked after without.
        }
        const std::lock_guard lock{mutex_};
        const Member& member = desks_[desk].emplace(Member{state, starting_});
        starting_ = 0;
        if (ended_by_ != 0) send(member, ended_by_);
        if (is_starting_killed_) send(member, SIGKILL);
    }

    [[nodiscard]] SharedState fork_for(unsigned desk) {
        Registry& registry = Registry::here();
        if (registry.current()->is_daemon()) {
            throw std::logic_error{"daemonic processes are not allowed to have children"};
        }
        const auto state = std::make_shared<ProcessState>(
            registry.next_identity(), ::getpid(),
            terms_.name + '-' + std::to_string(starting_), terms_.is_daemon);
        state->claim_start();
        memory_.desk(desk).is_ready = 0;
        const WorkerTerms terms{.desk = desk,
                                .number = starting_,
                                .most_tasks = terms_.most_tasks,
                                .parent = ::getpid(),
                                .blocked_signals = blocked_signals_};
        // The worker unblocks them once it is one: a handler of the program's must not
        // run in what is not yet.
        const posix::SignalsBlocked blocked;
        start_by_fork(state, [this, &terms] {
            Worker{memory_, terms}.work(terms_.initializer);
        });
        return state;
    }

    static void send(const Member& worker, int signal) {
        static_cast<void>(worker.state->child()->send_signal(signal));
    }

    PoolMemory& memory_;
    const StaffTerms terms_;
    sigset_t blocked_signals_{};

    mutable std::mutex mutex_;  ///< guards those below
    std::vector<std::optional<Member>> desks_;
    std::uint32_t last_number_ = 0;
    std::uint32_t starting_ = 0;  ///< the number of who is forked, and has no desk yet
    bool is_starting_killed_ = false;
    int ended_by_ = 0;  ///< the signal that all have been sent
};

}  // namespace pyproc::multiprocessing::detail
