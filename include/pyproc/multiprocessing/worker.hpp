// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <functional>
#include <new>
#include <span>
#include <string>

#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/exception_codec.hpp"
#include "pyproc/multiprocessing/pool_memory.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/multiprocessing/task.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fork_mark.hpp"
#include "pyproc/posix/relax.hpp"

namespace pyproc::multiprocessing::detail {

/// What a worker is told when it is forked.
struct WorkerTerms {
    unsigned desk = 0;
    std::uint32_t number = 0;       ///< no other worker of the pool has, or had, the same
    unsigned most_tasks = 0;        ///< after so many it makes way for another; 0: never
    pid_t parent = 0;               ///< its pool's process
    sigset_t blocked_signals = {};  ///< of the thread that has made the pool
};

/// A process that does a pool's tasks, one after the other.
///
/// It uses no descriptor, and no lock that it holds while it calls anything of the
/// user's: what a task does to its process can harm no other task but itself.
class Worker {
public:
    Worker(PoolMemory& memory, const WorkerTerms& terms) noexcept
        : memory_{memory}, terms_{terms} {}

    /// Works until there is nothing more to do. What leaves this ends the process.
    void work(const std::function<void()>& initialize) {
        ::pthread_sigmask(SIG_SETMASK, &terms_.blocked_signals, nullptr);
        if (initialize && !has_initialized(initialize)) return;
        memory_.desk(terms_.desk).is_ready = 1;
        for (unsigned done = 0; terms_.most_tasks == 0 || done < terms_.most_tasks;) {
            if (take_call()) {
                make_call();
                ++done;
            } else if (!await_call()) {
                return;
            }
            if (has_lost_pool()) return;
        }
    }

private:
    /// For so long it looks for the next call before it sleeps.
    static constexpr int spins = 1000;

    /// How often it looks whether its pool is still there.
    static constexpr std::chrono::milliseconds between_looks{500};

    [[nodiscard]] bool has_initialized(const std::function<void()>& initialize) {
        try {
            initialize();
            return true;
        } catch (const SystemExit&) {
            throw;
        } catch (...) {
            const auto failure = std::current_exception();
            if (!failure) throw;
            send({0, 0, ResultHead::Kind::no_start}, encode_exception(failure));
            return false;
        }
    }

    /// Takes the first call that has not been withdrawn, if there is one.
    [[nodiscard]] bool take_call() {
        bool is_taken = false;
        const auto read = [&](std::span<const std::byte> message) {
            std::memcpy(&head_, message.data(), sizeof head_);
            is_taken =
                memory_.slot(head_.slot)
                    .move({head_.generation, TaskState::Phase::pending}, running());
            if (!is_taken) return;
            try {
                call_.assign(message.begin() + sizeof head_, message.end());
                has_call_ = true;
            } catch (const std::bad_alloc&) {
                has_call_ = false;
            }
        };
        while (!is_taken && memory_.calls().try_get(read)) {
        }
        return is_taken;
    }

    /// Makes the call and sends what comes of it.
    void make_call() {
        TaskSlot& slot = memory_.slot(head_.slot);
        if (head_.is_timed) slot.started = now();
        auto kind = ResultHead::Kind::value;
        result_.clear();
        try {
            if (!has_call_) throw std::bad_alloc{};
            head_.code(call_, result_);
        } catch (const SystemExit&) {
            throw;
        } catch (...) {
            const auto failure = std::current_exception();
            if (!failure) throw;  // the thread is being unwound, by pthread_exit
            kind = ResultHead::Kind::exception;
            result_ = encode_exception(failure);
        }
        // A child that the task has forked and not ended has come here, too.
        if (is_another_process()) ::_exit(0);
        const TaskState done{head_.generation, TaskState::Phase::done, terms_.number};
        if (!slot.move(running(), done)) {
            // It was withdrawn meanwhile, and the pool is about to kill this process.
            for (;;) ::pause();
        }
        send({head_.slot, head_.generation, kind}, result_);
        shrink(call_);
        shrink(result_);
    }

    void send(const ResultHead& head, std::span<const std::byte> result) {
        const std::size_t size = sizeof head + result.size();
        if (size > memory_.results().largest_message()) {
            ResultHead other = head;
            other.kind = ResultHead::Kind::exception;
            const auto failure = std::make_exception_ptr(
                ValueError{"a result of " + std::to_string(result.size()) +
                           " bytes is too large for the memory of a pool, which has " +
                           std::to_string(memory_.results().largest_message())});
            return send(other, encode_exception(failure));
        }
        const auto write = [&](std::span<std::byte> to) {
            std::memcpy(to.data(), &head, sizeof head);
            if (!result.empty()) {
                std::memcpy(to.data() + sizeof head, result.data(), result.size());
            }
        };
        // Without a deadline it does not return before it is done.
        static_cast<void>(memory_.results().put(size, write, posix::Deadline{}));
        memory_.wake_collector_if_asleep();
    }

    /// Waits until there may be a call. @return Whether to go on.
    [[nodiscard]] bool await_call() noexcept {
        for (int i = 0; i < spins; ++i) {
            if (!memory_.calls().is_empty()) return true;
            posix::relax();
        }
        if (memory_.is_closing()) return !memory_.calls().is_empty();
        memory_.sleep_at(terms_.desk, posix::Deadline::after(between_looks));
        return true;
    }

    /// Whether the process that the pool is in has ended.
    [[nodiscard]] bool has_lost_pool() noexcept {
        if (!next_look_.has_passed()) return false;
        next_look_ = posix::Deadline::after(between_looks);
        return ::getppid() != terms_.parent;
    }

    [[nodiscard]] bool is_another_process() const noexcept {
        return mark_.is_elsewhere();
    }

    [[nodiscard]] TaskState running() const noexcept {
        return {head_.generation, TaskState::Phase::running, terms_.number};
    }

    [[nodiscard]] static std::int64_t now() noexcept {
        using std::chrono::nanoseconds;
        return nanoseconds{posix::Deadline::clock::now().time_since_epoch()}.count();
    }

    /// Keeps no more memory than most calls need.
    static void shrink(Bytes& bytes) noexcept {
        constexpr std::size_t kept = std::size_t{1} << 20U;
        if (bytes.capacity() > kept) Bytes{}.swap(bytes);
    }

    PoolMemory& memory_;
    const WorkerTerms terms_;
    const posix::ForkMark mark_;
    posix::Deadline next_look_ = posix::Deadline::after(between_looks);

    CallHead head_{};
    bool has_call_ = false;
    Bytes call_;
    Bytes result_;
};

}  // namespace pyproc::multiprocessing::detail
