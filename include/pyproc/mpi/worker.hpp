// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mpi.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <span>
#include <utility>

#include <time.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "pyproc/mpi/back_off.hpp"
#include "pyproc/mpi/call.hpp"
#include "pyproc/mpi/messenger.hpp"
#include "pyproc/multiprocessing/exception_codec.hpp"
#include "pyproc/posix/background_thread.hpp"
#include "pyproc/posix/fork_mark.hpp"

namespace pyproc::mpi::detail {

/// Makes the calls that rank 0 sends to another rank.
///
/// Results travel together as long as calls are short, and some calls lie here before
/// they are begun, so that none has to be waited for. So that a long call holds nothing
/// up but itself, a second thread sees to it that what has been waiting for some
/// milliseconds goes: results to rank 0, and calls back to it, for another rank.
class Worker {
public:
    explicit Worker(MPI_Comm comm) : messenger_{comm} {}
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
    ~Worker() = default;

    /// Serves until rank 0 says to leave.
    ///
    /// @throws OSError  There can't be another thread.
    void serve() {
        start_watcher();
        std::unique_lock lock{mutex_};
        for (;;) {
            if (!take_record()) {
                await_frame(lock);
            } else if (head_.kind == RecordHead::Kind::leave) {
                break;
            } else {
                make_call(lock);
            }
        }
        is_leaving_ = true;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !is_watched_; });
    }

private:
    using clock = BackOff::clock;

    /// Results wait no longer than this for others to travel with, while calls are made.
    static constexpr std::chrono::microseconds longest_together{50};

    /// Nothing waits much longer than this because of a long call.
    static constexpr std::chrono::milliseconds longest_held_up{3};

    /// The watcher looks so often, and sleeps when there has been no call for so long.
    static constexpr std::chrono::milliseconds between_looks{2};
    static constexpr std::chrono::milliseconds until_asleep{200};

    /// Records that have come in one message.
    struct Batch {
        Batch(const RecordHead* head, Bytes the_bytes, clock::time_point now)
            : bytes{std::move(the_bytes)}, reader{head, bytes}, came{now} {}
        Batch(const Batch&) = delete;
        Batch& operator=(const Batch&) = delete;
        ~Batch() = default;

        Bytes bytes;
        RecordReader reader;
        clock::time_point came;
    };

    // -- All of these with the lock held --

    bool receive() {
        return messenger_.receive([this](int, const RecordHead* head, Bytes bytes) {
            queue_.emplace_back(head, std::move(bytes), clock::now());
        });
    }

    /// Takes the next record, if there is one.
    [[nodiscard]] bool take_record() {
        while (!queue_.empty()) {
            Batch& batch = queue_.front();
            if (batch.reader.next()) {
                head_ = batch.reader.head();
                is_lost_ = batch.reader.is_lost();
                if (head_.is_apart != 0) {
                    call_ = std::move(batch.bytes);
                } else {
                    const auto body = batch.reader.body();
                    call_.assign(body.begin(), body.end());
                }
                return true;
            }
            messenger_.recycle(std::move(batch.bytes));
            queue_.pop_front();
        }
        return false;
    }

    void await_frame(std::unique_lock<std::mutex>& lock) {
        flush(clock::now());
        is_busy_ = false;
        idle_since_ = clock::now();
        BackOff back_off;
        while (!receive()) {
            if (messenger_.is_transferring()) back_off.reset();
            lock.unlock();
            back_off.wait();
            lock.lock();
        }
    }

    void make_call(std::unique_lock<std::mutex>& lock) {
        using Kind = RecordHead::Kind;
        const bool is_start = head_.kind == Kind::start;
        if (is_start) is_barred_ = false;
        if (is_barred_) return answer(Kind::give_back, {});
        if (!is_busy_) {
            is_busy_ = true;
            busy_since_ = called_at_ = clock::now();
            wake_watcher();
        }
        is_calling_ = true;
        lock.unlock();
        const bool has_returned = make_call();
        // A child that the task has forked and not ended has come here, too.
        if (mark_.is_elsewhere()) ::_exit(0);
        lock.lock();
        is_calling_ = false;
        called_at_ = clock::now();
        if (is_start) {
            is_barred_ = !has_returned;
            answer(has_returned ? Kind::start : Kind::no_start, result_);
        } else {
            ++made_;
            answer(has_returned ? Kind::value : Kind::exception, result_);
        }
        if (called_at_ - first_unsent_ > longest_together) flush(called_at_);
    }

    /// Without the lock.
    [[nodiscard]] bool make_call() {
        if (!is_lost_) return detail::make_call(head_.code, call_, result_);
        using multiprocessing::detail::encode_exception;
        result_ = encode_exception(std::make_exception_ptr(std::bad_alloc{}));
        return false;
    }

    void answer(RecordHead::Kind kind, std::span<const std::byte> body) {
        const RecordHead head{
            .kind = kind, .slot = head_.slot, .generation = head_.generation};
        if (!Messenger::fits(body.size())) {
            flush(called_at_);
            messenger_.send_apart(0, head, std::make_shared<Bytes>(std::move(result_)));
            result_ = Bytes{};
            return;
        }
        // With place for the account of the time.
        if (unsent_.size() + 2 * sizeof head + body.size() > Messenger::largest_frame) {
            flush(called_at_);
        }
        if (unsent_.empty()) {
            unsent_ = messenger_.fresh_frame();
            first_unsent_ = called_at_;
        }
        append_record(unsent_, head, body);
    }

    void flush(clock::time_point now) {
        if (unsent_.empty()) return;
        if (made_ > 0) {
            const std::chrono::nanoseconds spent = now - busy_since_;
            append_record(
                unsent_,
                {.kind = RecordHead::Kind::spent, .slot = made_, .code = spent.count()},
                {});
            made_ = 0;
        }
        busy_since_ = now;
        messenger_.send(0, std::exchange(unsent_, {}));
    }

    // -- The watcher --

    void start_watcher() {
        const auto run = [](void* worker) -> void* {
            static_cast<Worker*>(worker)->watch();
            return nullptr;
        };
        is_watched_ = true;
        const int code = posix::start_background_thread(run, this);
        if (code != 0) throw_os_error(code, "pthread_create");
    }

    void wake_watcher() {
        if (!std::exchange(is_watcher_asleep_, false)) return;
        changed_.notify_all();
    }

    void watch() {
        std::unique_lock lock{mutex_};
        while (!is_leaving_) {
            const auto now = clock::now();
            if (is_calling_) {
                look_after(now);
            } else if (!is_busy_ && now - idle_since_ > until_asleep) {
                is_watcher_asleep_ = true;
                changed_.wait(lock,
                              [this] { return !is_watcher_asleep_ || is_leaving_; });
                continue;
            }
            const bool is_hurried = is_calling_ && messenger_.is_transferring();
            lock.unlock();
            const timespec time{
                .tv_sec = 0,
                .tv_nsec = is_hurried ? 50'000
                                      : std::chrono::nanoseconds{between_looks}.count()};
            ::nanosleep(&time, nullptr);
            lock.lock();
        }
        is_watched_ = false;
        changed_.notify_all();
    }

    void look_after(clock::time_point now) {
        if (!unsent_.empty() && now - first_unsent_ > longest_held_up) flush(now);
        if (now - called_at_ > longest_held_up) receive();
        if (!queue_.empty() && now - queue_.front().came > longest_held_up) give_back();
    }

    /// Gives back the calls that have not been begun. Nothing else comes while there are
    /// calls.
    void give_back() {
        Bytes frame = messenger_.fresh_frame();
        const auto send = [&] {
            if (!frame.empty()) messenger_.send(0, std::exchange(frame, {}));
        };
        for (Batch& batch : queue_) {
            while (batch.reader.next()) {
                RecordHead head = batch.reader.head();
                head.kind = RecordHead::Kind::give_back;
                head.is_apart = 0;
                append_record(frame, head, {});
                if (!Messenger::fits(frame.size())) send();
            }
        }
        queue_.clear();
        send();
    }

    const posix::ForkMark mark_;

    // Of the thread that serves alone.
    RecordHead head_ = {};
    Bytes call_;
    bool is_lost_ = false;  ///< there was no memory for the call
    Bytes result_;
    bool is_barred_ = false;  ///< since the call at the start has thrown

    std::mutex mutex_;  ///< guards those below, and all of MPI
    std::condition_variable changed_;
    Messenger messenger_;
    std::deque<Batch> queue_;
    Bytes unsent_;
    clock::time_point first_unsent_;
    std::uint32_t made_ = 0;  ///< calls, since the last account of the time
    clock::time_point busy_since_;
    clock::time_point called_at_;  ///< when the current call was begun, nearly
    clock::time_point idle_since_ = clock::now();
    bool is_busy_ = false;
    bool is_calling_ = false;
    bool is_watcher_asleep_ = false;
    bool is_watched_ = false;
    bool is_leaving_ = false;
};

}  // namespace pyproc::mpi::detail
