// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <sys/types.h>

#include "pyproc/errors.hpp"
#include "pyproc/exit_status.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/signals.hpp"

namespace pyproc::multiprocessing {

/// What a task has thrown in the process that ran it, where it can't be thrown here as
/// itself: as only the types that come with C++ and this library can.
///
/// Python: `multiprocessing.pool.RemoteTraceback`, in the place of the exception.
class RemoteError : public std::runtime_error {
public:
    RemoteError(std::string type_name, std::string message)
        : std::runtime_error{detail::exception_line(type_name, message.c_str())},
          type_name_{std::move(type_name)},
          message_{std::move(message)} {}

    /// The type of what was thrown, as C++ writes it: `my::Error`, or `int`.
    [[nodiscard]] const std::string& type_name() const noexcept { return type_name_; }

    /// What it says, `what()` of a `std::exception`; empty if it says nothing.
    [[nodiscard]] const std::string& message() const noexcept { return message_; }

private:
    std::string type_name_;
    std::string message_;
};

/// The process that ran a task has ended before the task had: something killed it, it
/// crashed, or the task itself has ended it.
class WorkerDied : public std::runtime_error {
public:
    WorkerDied(pid_t pid, ExitStatus status)
        : std::runtime_error{describe(pid, status)}, pid_{pid}, status_{status} {}

    /// The number that the process had.
    [[nodiscard]] pid_t pid() const noexcept { return pid_; }

    /// The signal that ended it; 0 if it ended by itself.
    [[nodiscard]] int signal() const noexcept { return status_.signal(); }

    /// Its exit code, or -n if signal n ended it.
    [[nodiscard]] int exitcode() const noexcept { return status_.returncode(); }

private:
    [[nodiscard]] static std::string describe(pid_t pid, ExitStatus status) {
        std::string text = "the worker process " + std::to_string(pid);
        if (status.was_killed()) {
            const auto name = signal_name(status.signal());
            text += " was killed by ";
            text += name.empty() ? "signal " + std::to_string(status.signal())
                                 : std::string{name};
        } else {
            text += " ended with exit code " + std::to_string(status.code());
        }
        return text + " while it ran the task";
    }

    pid_t pid_;
    ExitStatus status_;
};

/// A worker has taken longer for a task than was allowed; it was killed and replaced.
class TaskTimeout : public TimeoutError {
public:
    TaskTimeout() : TimeoutError{"a task took longer than it was allowed"} {}
};

/// A task was still to be done when its pool was terminated.
class PoolTerminated : public std::runtime_error {
public:
    PoolTerminated() : std::runtime_error{"the pool was terminated"} {}
};

}  // namespace pyproc::multiprocessing
