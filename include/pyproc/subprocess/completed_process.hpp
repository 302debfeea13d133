// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string>
#include <string_view>

#include "pyproc/concat.hpp"
#include "pyproc/posix/rusage.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/subprocess/errors.hpp"
#include "pyproc/text_repr.hpp"

namespace pyproc::subprocess {

/// A child that has ended, and what was collected of it.
///
/// Python: `subprocess.CompletedProcess`; `rusage` is more than it has.
struct CompletedProcess {
    Args args;
    int returncode = 0;  ///< the exit code, or minus the number of the signal

    /// What the child wrote; empty if it was not collected.
    std::string std_out = {};
    std::string std_err = {};

    /// What this child used, and those of its own children that it waited for.
    posix::Rusage rusage = {};

    /// @throws CalledProcessError  unless `returncode` is 0.
    void check_returncode() const {
        if (returncode != 0) throw CalledProcessError{returncode, args, std_out, std_err};
    }
};

/// What `getstatusoutput` returns: works with structured bindings, and prints as Python's
/// tuple does.
struct StatusOutput {
    int exitcode = 0;
    std::string output = {};

    /// `(0, 'text')`, as Python prints the tuple. Found by `pyproc::repr`.
    [[nodiscard]] std::string repr() const {
        return concat({"(", std::to_string(exitcode), ", ",
                       pyproc::repr(std::string_view{output}), ")"});
    }

    friend bool operator==(const StatusOutput&, const StatusOutput&) = default;
};

/// What `communicate` returns.
struct Output {
    std::string std_out = {};
    std::string std_err = {};

    friend bool operator==(const Output&, const Output&) = default;
};

}  // namespace pyproc::subprocess
