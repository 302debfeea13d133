// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/execution/context.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/steady_timer.hpp>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/process_handle.hpp"
#include "pyproc/posix/reaper.hpp"
#include "pyproc/spawn/start.hpp"

namespace pyproc::asyncio {

namespace asio = boost::asio;
using boost::system::error_code;

class Child;

/// The children that belong to one execution context: when that is destroyed, what is
/// left of them is killed and reaped.
class Children final : public asio::execution_context::service {
public:
    using key_type = Children;
    static inline asio::execution_context::id id;

    explicit Children(asio::execution_context& context)
        : asio::execution_context::service{context} {}

    void add(Child& child) noexcept;
    void remove(Child& child) noexcept;

    /// Whether the context is being destroyed: nothing asynchronous can be begun then.
    [[nodiscard]] bool is_shut_down() const noexcept {
        const std::lock_guard<std::mutex> lock{mutex_};
        return is_shut_down_;
    }

private:
    void shutdown() noexcept override;

    mutable std::mutex mutex_;  ///< guards what follows, and the links between children
    Child* first_ = nullptr;
    bool is_shut_down_ = false;
};

/// A child and what its execution context watches of it. Shared by the `Process` and by
/// the operations that wait for it.
///
/// Its end is seen by a pidfd that the context polls. Where there is none, because the
/// kernel has no pidfds or no descriptor is left, a timer looks instead, at intervals
/// that grow from 1 to 50 milliseconds. No signal handler is set and no thread started.
///
/// Threads: any member, at any time.
class Child {
public:
    /// Stands for none, until `take_over`.
    explicit Child(const asio::any_io_executor& executor)
        : exit_{executor},
          children_{asio::use_service<Children>(
              asio::query(executor, asio::execution::context))} {
        children_.add(*this);
    }

    /// Takes over a child that nobody has waited for, once, and before any other use.
    void take_over(spawn::Started started) noexcept {
        handle_.take_over(started.pid, std::move(started.pidfd));
        // What can't be had is done without.
        auto pidfd = handle_.duplicate_pidfd();
        if (!pidfd) return;
        try {
            error_code failed;
            exit_.assign(pidfd->get(), failed);
            if (!failed) static_cast<void>(pidfd->release());
        } catch (const std::bad_alloc&) {
            // Of what Asio keeps for each descriptor.
        }
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    /// Whoever drops the last share of a child that still runs ends it; see `abandon`.
    ~Child() {
        children_.remove(*this);
        end_now();
    }

    [[nodiscard]] pid_t pid() const noexcept { return handle_.pid(); }

    [[nodiscard]] asio::any_io_executor get_executor() { return exit_.get_executor(); }

    /// Looks whether it has ended, and reaps it then, without blocking. Never finds one
    /// ended that has been given up.
    [[nodiscard]] posix::Maybe<posix::Ended> poll() {
        // Held meanwhile, so that none who has just looked reaps it once it is given up.
        const std::lock_guard<std::mutex> lock{mutex_};
        if (is_given_up_) return {};
        auto end = handle_.poll();
        if (end) stop_watching();
        return end;
    }

    /// Sends a signal; goes nowhere once the child has been reaped or given up.
    posix::Result<void> send_signal(int signal) {
        if (pid() == 0 || is_given_up()) return posix::Error{ESRCH};
        return handle_.send_signal(signal);
    }

    /// Does to the child what the cancellation of an operation means for it.
    void cancel(asio::cancellation_type type) noexcept {
        using enum asio::cancellation_type;
        const auto has = [type](asio::cancellation_type bit) {
            return (type & bit) != none;
        };
        // An operation that may be ended in any way is ended in the one that is certain.
        const int signal = has(terminal)  ? SIGKILL
                           : has(partial) ? SIGTERM
                           : has(total)   ? SIGINT
                                          : 0;
        if (signal != 0) static_cast<void>(send_signal(signal));
    }

    /// Calls `handler(error_code)` once the child may have ended.
    ///
    /// @param nap  The handler's own timer, for where there is no pidfd to poll; made
    ///             here when it is needed.
    template <class Handler>
    void async_look(std::unique_ptr<asio::steady_timer>& nap, bool must_nap,
                    Handler&& handler) {
        if (!must_nap && is_watched()) {
            // Never to be cancelled by the handler's slot, which would look at `exit_`
            // without the lock: see `wake`. Made before the lock is taken, since a
            // handler that is destroyed, because there is no memory, takes it, too.
            auto bound = asio::bind_cancellation_slot(asio::cancellation_slot{},
                                                      std::forward<Handler>(handler));
            const std::lock_guard<std::mutex> lock{mutex_};
            // Should it have been closed meanwhile, this is complete at once.
            exit_.async_wait(asio::posix::descriptor_base::wait_read, std::move(bound));
            return;
        }
        constexpr std::chrono::milliseconds shortest{1};
        constexpr std::chrono::milliseconds longest{50};
        auto pause = shortest;
        if (nap == nullptr) {
            nap = std::make_unique<asio::steady_timer>(exit_.get_executor());
        } else {
            pause = std::chrono::duration_cast<std::chrono::milliseconds>(
                (asio::steady_timer::clock_type::now() - began_) / 8);
            if (pause < shortest) pause = shortest;
            if (pause > longest) pause = longest;
        }
        // The handler, which is moved, owns the timer.
        asio::steady_timer& timer = *nap;
        timer.expires_after(pause);
        timer.async_wait(std::forward<Handler>(handler));
    }

    /// Calls those that wait for the pidfd, with `operation_aborted`; they may go on.
    void wake() noexcept {
        const std::lock_guard<std::mutex> lock{mutex_};
        error_code ignored;
        if (exit_.is_open()) exit_.cancel(ignored);
    }

    /// Gives the child up to somebody else.
    ///
    /// @return ESRCH if it has been reaped: then nothing has changed.
    [[nodiscard]] posix::Result<posix::UniqueFd> release() {
        const std::lock_guard<std::mutex> lock{mutex_};
        auto pidfd = handle_.duplicate_pidfd();
        if (pidfd.code() == ENOSYS) pidfd = posix::UniqueFd{};
        if (!pidfd) return pidfd;
        is_given_up_ = true;
        stop_watching();
        // Asio has made it non-blocking, and the duplicate with it: waitid(2) would then
        // be EAGAIN for a child that runs.
        const int flags = *pidfd ? ::fcntl(pidfd->get(), F_GETFL) : -1;
        if (flags >= 0) ::fcntl(pidfd->get(), F_SETFL, flags & ~O_NONBLOCK);
        return pidfd;
    }

    [[nodiscard]] bool is_given_up() const noexcept {
        const std::lock_guard<std::mutex> lock{mutex_};
        return is_given_up_;
    }

    /// Whether the context it belongs to is being destroyed.
    [[nodiscard]] bool is_left_alone() const noexcept { return children_.is_shut_down(); }

    /// Kills it, since nobody wants it any more.
    ///
    /// @return As `kill`.
    bool abandon() noexcept {
        is_abandoned_ = true;
        return kill();
    }

    /// Whether it has been killed as one that nobody wants any more.
    [[nodiscard]] bool is_abandoned() const noexcept { return is_abandoned_; }

    /// Whether this process started it, and not one that it was forked from.
    [[nodiscard]] bool is_ours() const noexcept { return creator_ == ::getpid(); }

    /// Kills it. @return Whether it will soon have ended: not if it has become another
    /// user's.
    bool kill() noexcept { return send_signal(SIGKILL).code() != EPERM; }

    /// Kills and reaps it where nothing asynchronous can be done any more. What a signal
    /// can't end at once, a child in an uninterruptible sleep or one that has become
    /// another user's, is left to the reaper, which takes a thread.
    void end_now() noexcept {
        if (pid() == 0 || is_given_up() || !is_ours()) return;
        try {
            if (poll()) return;
            constexpr std::chrono::seconds patience{1};
            if (kill() && handle_.wait_until(posix::Deadline::after(patience))) return;
            auto pidfd = handle_.duplicate_pidfd();
            if (pidfd.code() == ESRCH) return;
            // The reaper does without one, if need be.
            static_cast<void>(posix::leave_to_reaper(
                handle_.pid(), pidfd ? std::move(*pidfd) : posix::UniqueFd{}));
        } catch (const std::exception&) {
            // No memory: the child stays a zombie until this process ends; as it does
            // if there are no descriptors for the reaper's own use.
        }
    }

private:
    friend class Children;

    [[nodiscard]] bool is_watched() const noexcept {
        const std::lock_guard<std::mutex> lock{mutex_};
        return exit_.is_open();
    }

    /// Under the lock.
    void stop_watching() noexcept {
        error_code ignored;
        if (exit_.is_open()) exit_.close(ignored);
    }

    posix::ProcessHandle handle_;
    mutable std::mutex mutex_;  ///< guards `exit_`, `is_given_up_` and reaping
    asio::posix::stream_descriptor exit_;
    bool is_given_up_ = false;
    std::atomic<bool> is_abandoned_ = false;
    const pid_t creator_ = ::getpid();
    const asio::steady_timer::time_point began_ = asio::steady_timer::clock_type::now();
    Children& children_;
    Child* former_ = nullptr;  ///< in the list of the context
    Child* next_ = nullptr;
};

inline void Children::add(Child& child) noexcept {
    const std::lock_guard<std::mutex> lock{mutex_};
    child.next_ = first_;
    if (first_ != nullptr) first_->former_ = &child;
    first_ = &child;
}

inline void Children::remove(Child& child) noexcept {
    const std::lock_guard<std::mutex> lock{mutex_};
    (child.former_ != nullptr ? child.former_->next_ : first_) = child.next_;
    if (child.next_ != nullptr) child.next_->former_ = child.former_;
}

inline void Children::shutdown() noexcept {
    const std::lock_guard<std::mutex> lock{mutex_};
    is_shut_down_ = true;
    // All of them first, so that they end beside each other.
    for (Child* child = first_; child != nullptr; child = child->next_) {
        if (child->is_ours()) child->kill();
    }
    for (Child* child = first_; child != nullptr; child = child->next_) child->end_now();
}

}  // namespace pyproc::asyncio
