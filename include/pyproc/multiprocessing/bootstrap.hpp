// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <exception>
#include <iostream>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/memberships.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/posix/c_library.hpp"
#include "pyproc/posix/platform.hpp"

namespace pyproc::multiprocessing::detail {

/// Looks after the child's own children, once its target is done.
inline void finish_children() noexcept {
    // What is left to do waits and writes. A target that has had its thread cancelled,
    // and was done before it noticed, must not be unwound from here.
    ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, nullptr);
    try {
        Registry::here().finish_children();
    } catch (...) {
        // No memory to list them.
    }
}

/// Ends a child: looks after its own children, writes out its standard streams, and
/// leaves the parent's handlers, destructors and other streams alone.
///
/// @param status  Its exit code.
/// @param has_failed  Whether an exception has left its target: then those that it has
///                    met at a barrier must not wait for it.
[[noreturn]] inline void leave_child(int status, bool has_failed) noexcept {
    finish_children();
    flush_streams();
    // Of this thread; the others are cut off.
    if (!has_failed) Memberships::leave_all();
    // Not _exit(2): the first use of a function has the dynamic linker look for it, which
    // here would be in each child anew, and so a good part of the life of a short one.
    posix::platform::exit_now(status);
}

/// The same, where no exception has left the target.
[[noreturn]] inline void leave_child_in_order(int status) noexcept {
    leave_child(status, false);
}

/// For a `posix::ExitHandler` that lives in the parent, around the fork: lets `std::exit`
/// end a child in this way, ahead of the handlers of the parent. In other processes it
/// does nothing.
///
/// @param parents  The parent's registry.
inline void leave_child_at_exit(void* parents) noexcept {
    const Registry& here = Registry::here();
    if (&here == parents || !here.is_of_child()) return;
    // That the child may register this is sure only now: exit has taken the lock of the
    // handlers, so it is free.
    if (!posix::call_first_at_exit<leave_child_in_order>())
        leave_child_in_order(EXIT_FAILURE);
}

/// Has a child that is forked while it exists end by `leave_child_at_exit`.
class ChildsExitHandler {
public:
    /// @throws std::bad_alloc
    explicit ChildsExitHandler(Registry& registry) : registry_{registry} {
        const std::lock_guard lock{registry_.forking()};
        if (!handler_.emplace(leave_child_at_exit, &registry_)) {
            handler_.reset();
            throw std::bad_alloc{};
        }
    }
    ChildsExitHandler(const ChildsExitHandler&) = delete;
    ChildsExitHandler& operator=(const ChildsExitHandler&) = delete;
    ~ChildsExitHandler() {
        const std::lock_guard lock{registry_.forking()};
        handler_.reset();
    }

private:
    Registry& registry_;
    std::optional<posix::ExitHandler> handler_;
};

inline void write_to_stderr(std::string_view text) noexcept {
    try {
        std::cerr << text << std::flush;
    } catch (...) {
        // Set to throw; there is nobody left to tell.
    }
}

/// What the exception that has left the target means for the child: says on stderr what
/// there is to say, and returns the exit code.
[[nodiscard]] inline int report(const std::exception_ptr& failure,
                                std::string_view name) noexcept try {
    try {
        std::rethrow_exception(failure);
    } catch (const SystemExit& exit) {
        if (exit.message()) write_to_stderr(*exit.message() + '\n');
        return exit.code();
    } catch (...) {
        std::string text{"Process "};
        text.append(name).append(":\n").append(exception_report(failure)).append("\n");
        write_to_stderr(text);
        return EXIT_FAILURE;
    }
} catch (...) {
    write_to_stderr("Process ");
    write_to_stderr(name);
    write_to_stderr(":\nno memory to tell what it has thrown\n");
    return EXIT_FAILURE;
}

[[nodiscard]] inline bool is_system_exit(const std::exception_ptr& failure) noexcept {
    try {
        std::rethrow_exception(failure);
    } catch (const SystemExit&) {
        return true;
    } catch (...) {
        return false;
    }
}

/// The life of a forked child, from its entry into the registry to its end.
///
/// The order is Python's: the child's own children are joined before an exception is
/// reported.
///
/// @param self  By value: what the target does may replace the caller's.
///
/// Python:  `BaseProcess._bootstrap`.
template <class Run>
// NOLINTNEXTLINE(performance-unnecessary-value-param): see self
[[noreturn]] void live_as_child(SharedState self, Run run) noexcept {
    std::exception_ptr failure;
    try {
        run();
    } catch (...) {
        failure = std::current_exception();
        // None of C++: what unwinds a thread that calls pthread_exit or is cancelled.
        // glibc aborts the process if a handler ends that has caught it.
        if (!failure) leave_child_in_order(EXIT_SUCCESS);
    }
    finish_children();
    if (!failure) leave_child_in_order(EXIT_SUCCESS);
    const int status = report(failure, *self->name());
    leave_child(status, !is_system_exit(failure));
}

}  // namespace pyproc::multiprocessing::detail
