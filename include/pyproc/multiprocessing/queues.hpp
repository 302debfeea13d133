// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/multiprocessing/queue_memory.hpp"
#include "pyproc/multiprocessing/ring.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/mapping.hpp"
#include "pyproc/posix/monitor.hpp"

namespace pyproc::multiprocessing {

/// There was nothing in a queue within the time that was given. Python: `queue.Empty`.
class Empty : public std::runtime_error {
public:
    Empty() : std::runtime_error{"the queue is empty"} {}
};

/// There was no room in a queue within the time that was given. Python: `queue.Full`.
class Full : public std::runtime_error {
public:
    Full() : std::runtime_error{"the queue is full"} {}
};

namespace detail {

/// What is behind a queue, in memory that processes share.
class QueueState {
public:
    explicit QueueState(std::size_t max_count)
        : ring_{Ring::make_in(memory_.mapping(), max_count)} {}
    QueueState(const QueueState&) = delete;
    QueueState& operator=(const QueueState&) = delete;

    [[nodiscard]] Ring& ring() noexcept { return ring_; }

    template <class T>
    void put(const T& value, posix::Deadline deadline) {
        const std::size_t size = encoded_size(value);
        if (size > ring_.largest_message()) {
            throw ValueError{"a value of " + std::to_string(size) +
                             " bytes is too large for the memory of a queue, which has " +
                             std::to_string(ring_.largest_message())};
        }
        const auto write = [&value](std::span<std::byte> to) { encode_into(to, value); };
        if (!ring_.put(size, write, deadline)) throw Full{};
    }

    template <class T>
    [[nodiscard]] T get(posix::Deadline deadline) {
        std::optional<T> value;
        std::exception_ptr failure;
        const auto read = [&](std::span<const std::byte> from) {
            try {
                value.emplace(decode<T>(from));
            } catch (const std::bad_alloc&) {
                // No fault of the message, so it stays where it is.
                throw;
            } catch (...) {
                // Not left there, for all that come to fail on.
                failure = std::current_exception();
            }
        };
        if (!ring_.get(read, deadline)) throw Empty{};
        if (failure) std::rethrow_exception(failure);
        return std::move(*value);
    }

private:
    QueueMemory memory_;
    Ring& ring_;
};

/// What `JoinableQueue` counts beside its messages.
class Tasks {
public:
    Tasks()
        : memory_{posix::map_shared(sizeof(Shared)).or_throw("mmap")},
          shared_{*::new (memory_.data()) Shared} {}
    Tasks(const Tasks&) = delete;
    Tasks& operator=(const Tasks&) = delete;

    void done(const Ring& ring) {
        const std::lock_guard lock{shared_.monitor};
        if (shared_.done_count >= ring.put_count()) {
            throw ValueError{"task_done() called too many times"};
        }
        shared_.monitor.announce();
        ++shared_.done_count;
    }

    [[nodiscard]] bool wait(const Ring& ring, posix::Deadline deadline) {
        const std::lock_guard lock{shared_.monitor};
        return shared_.monitor.wait_until(
            [&] { return shared_.done_count >= ring.put_count(); }, deadline, [] {});
    }

private:
    struct Shared {
        posix::Monitor monitor;
        std::uint64_t done_count = 0;  ///< one store changes it: a kill can't halve that
    };

    posix::Mapping memory_;
    Shared& shared_;
};

}  // namespace detail

/// A queue without limits for values of one type, shared by processes.
///
/// See `Queue`, of which it has the simplest operations.
///
/// Python: `multiprocessing.SimpleQueue`.
template <class T>
class SimpleQueue {
public:
    SimpleQueue() : SimpleQueue{std::size_t{0}} {}

    /// Appends a copy of a value. When it has returned, the value is in the queue,
    /// whoever ends next.
    ///
    /// @throws ValueError  The queue is closed, or the value too large.
    void put(const T& value) { state().put(value, posix::Deadline{}); }

    /// Takes the first value; waits until there is one.
    ///
    /// @throws ValueError   The queue is closed.
    /// @throws DecodeError  What is there is no `T`.
    ///
    /// Whatever `Serializer<T>::read` throws comes out of this, and as in Python the
    /// value that could not be read is taken out, so that the next call gets the next
    /// one. `std::bad_alloc` alone, after which another process, or a later call, may
    /// have the memory, leaves it where it is.
    [[nodiscard]] T get() { return state().template get<T>(posix::Deadline{}); }

    /// Whether there is nothing in it at this moment.
    [[nodiscard]] bool empty() const { return state().ring().is_empty(); }

    /// Gives this object's hold of the queue up: all further use but `close`, and what
    /// `JoinableQueue` adds, is a `ValueError`. Other copies, here and in other
    /// processes, go on.
    void close() noexcept { state_.reset(); }

protected:
    explicit SimpleQueue(std::size_t max_count)
        : state_{std::make_shared<detail::QueueState>(max_count)} {
        require_travels<T>();
    }

    [[nodiscard]] detail::QueueState& state() const {
        if (!state_) throw ValueError{"Queue is closed"};
        return *state_;
    }

    [[nodiscard]] const std::shared_ptr<detail::QueueState>& hold() const noexcept {
        return state_;
    }

private:
    std::shared_ptr<detail::QueueState> state_;
};

/// A queue for values of one type, shared by processes: first in, first out, for any
/// number of producers and consumers.
///
///     Queue<std::string> queue;
///     Process child([queue]() mutable { queue.put("hello"); });
///     child.start();
///     std::cout << queue.get();
///
/// Copies of the object stand for the same queue, and so does the copy that a child gets
/// by fork. `T` is any type that travels; see `Travels`.
///
/// There is no thread behind it, and no pipe that could fill up: when `put` has returned,
/// the value is in the queue, and joining the process that put it does not hang. It holds
/// as many values as there is memory, or `maxsize`; the memory grows with what is in it
/// and is given back.
///
/// Any process may be killed at any moment, and no other hangs or reads damaged data. The
/// value that the killed one was just putting or getting may be lost, or be got twice.
/// One that is stopped, by SIGSTOP or a debugger, within a call may hold up the others.
///
/// Threads: any number may use a queue; each its own copy of the object, if one closes
/// it. Python:  `multiprocessing.Queue`, start method "fork".
template <class T>
class Queue : public SimpleQueue<T> {
public:
    /// @param maxsize  How many values it holds at the most; 0 for no limit.
    explicit Queue(std::size_t maxsize) : SimpleQueue<T>{maxsize} {}
    Queue() : Queue{std::size_t{0}} {}

    using SimpleQueue<T>::put;
    using SimpleQueue<T>::get;

    /// Appends a copy of a value; waits for room no longer than `timeout`.
    /// @throws Full  There was none.
    void put(const T& value, posix::Timeout timeout) {
        this->state().put(value, posix::Deadline::after(timeout));
    }

    /// Appends a copy of a value if there is room; without a `maxsize` there is.
    ///
    /// May wait for others who are just putting values: for as long as that takes, but a
    /// second at the most, should one have been stopped in the middle of it. The same
    /// goes for timeouts that are shorter, and for `get`.
    ///
    /// @throws Full  There is none.
    void put_nowait(const T& value) { put(value, at_once); }

    /// Takes the first value; waits for one no longer than `timeout`.
    /// @throws Empty  There was none.
    [[nodiscard]] T get(posix::Timeout timeout) {
        return this->state().template get<T>(posix::Deadline::after(timeout));
    }

    /// Takes the first value if there is one. @throws Empty  There is none.
    [[nodiscard]] T get_nowait() { return get(at_once); }

    /// How many values are in it at this moment.
    [[nodiscard]] std::size_t qsize() const { return this->state().ring().size(); }

    /// Whether it holds `maxsize` values at this moment.
    [[nodiscard]] bool full() const {
        const detail::Ring& ring = this->state().ring();
        return ring.max_count() != 0 && ring.size() >= ring.max_count();
    }

private:
    static constexpr posix::Timeout at_once{std::chrono::nanoseconds{0}};
};

/// A queue that knows how many of the values that were put have been dealt with.
///
/// As in Python `task_done` and `join` go on after `close`: a process that puts and gets
/// no more may still have to say what it has dealt with, or wait for others. So the queue
/// lives as long as this object, closed or not.
///
/// Python: `multiprocessing.JoinableQueue`.
template <class T>
class JoinableQueue : public Queue<T> {
public:
    /// @param maxsize  As for `Queue`.
    explicit JoinableQueue(std::size_t maxsize) : Queue<T>{maxsize} {}
    JoinableQueue() : JoinableQueue{std::size_t{0}} {}

    /// Says that a value that was got has been dealt with.
    ///
    /// A process that is killed between `get` and this leaves a value that nobody will
    /// ever have dealt with.
    ///
    /// @throws ValueError  It was called more often than values were put.
    void task_done() { tasks_->done(hold_->ring()); }

    /// Waits until all values that were put have been dealt with.
    void join() { static_cast<void>(join(posix::Timeout{})); }

    /// The same, but no longer than `timeout`. @return Whether they have.
    bool join(posix::Timeout timeout) {
        return tasks_->wait(hold_->ring(), posix::Deadline::after(timeout));
    }

private:
    std::shared_ptr<detail::QueueState> hold_ = this->hold();
    std::shared_ptr<detail::Tasks> tasks_ = std::make_shared<detail::Tasks>();
};

}  // namespace pyproc::multiprocessing
