// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>

namespace pyproc::futures {

/// A future was cancelled. Python: `concurrent.futures.CancelledError`.
class CancelledError : public std::runtime_error {
public:
    CancelledError() : std::runtime_error{"the future was cancelled"} {}
};

/// An executor can't go on. Python: `concurrent.futures.BrokenExecutor`.
class BrokenExecutor : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

/// A worker of a `ProcessPoolExecutor` has died, or its initializer has thrown.
///
/// Python: `concurrent.futures.process.BrokenProcessPool`.
class BrokenProcessPool : public BrokenExecutor {
    using BrokenExecutor::BrokenExecutor;
};

}  // namespace pyproc::futures
