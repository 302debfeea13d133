// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace pyproc::multiprocessing {

/// Thrown by the target of a `Process`, ends the process with an exit code of its choice
/// and without a report of the exception.
///
/// It is no `std::exception`, so that a handler of errors on the way does not swallow it.
/// In the main program it is an exception like any other: nobody waits for it there.
///
/// Python: `SystemExit`, raised by `sys.exit`.
class SystemExit {
public:
    /// @param code  As exit(3) takes it: the parent sees the lowest 8 bits.
    explicit SystemExit(int code = EXIT_SUCCESS) noexcept : code_{code} {}

    /// Exit code 1, once `message` and a newline have been written to stderr.
    explicit SystemExit(std::string message)
        : code_{EXIT_FAILURE}, message_{std::move(message)} {}
    explicit SystemExit(std::nullptr_t) = delete;

    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] const std::optional<std::string>& message() const noexcept {
        return message_;
    }

private:
    int code_;
    std::optional<std::string> message_;
};

}  // namespace pyproc::multiprocessing
