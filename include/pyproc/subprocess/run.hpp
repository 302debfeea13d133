// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/errors.hpp"
#include "pyproc/subprocess/popen.hpp"

namespace pyproc::subprocess {

/// Runs a command and waits for its end: `Popen` and `communicate` in one.
///
///     run({"git", "status"}, {.capture_output = true, .check = true, .cwd = repo})
///
/// @return How it ended, and what was collected.
/// @throws TimeoutExpired      when `timeout` has passed. The child has been killed and
///                             reaped; what it wrote by then is in the exception, in
///                             bytes. (One that has become another user's is waited for
///                             instead.)
/// @throws CalledProcessError  under `check`, for a child that failed.
/// @throws UnicodeDecodeError, UnicodeEncodeError  for output or input that is not text
/// in
///                             the child's encoding; the child has been reaped by then.
/// @throws ValueError, OSError  as the constructor of `Popen` does.
///
/// Python: `subprocess.run`.
inline CompletedProcess run(const Args& args, Options options = {}) {
    const bool check = std::exchange(options.check, false);
    Popen child{args, std::move(options)};
    Output output;
    try {
        output = child.communicate();
    } catch (...) {
        try {
            child.kill();
        } catch (const OSError&) {
            // A child that has become another user's can only be waited for.
        }
        throw;  // and the destructor reaps the child first
    }
    CompletedProcess completed{args, child.returncode().value_or(0),
                               std::move(output.std_out), std::move(output.std_err),
                               child.rusage()};
    if (check) completed.check_returncode();
    return completed;
}

/// Runs a command and waits for its end.
///
/// @return The exit code, or minus the number of the signal that ended it.
/// @throws as `run` does.
///
/// Python: `subprocess.call`.
inline int call(const Args& args, Options options = {}) {
    return run(args, std::move(options)).returncode;
}

/// Runs a command that is expected to succeed.
///
/// @return 0.
/// @throws CalledProcessError  if it does not; else as `run` does.
///
/// Python: `subprocess.check_call`.
inline int check_call(const Args& args, Options options = {}) {
    options.check = true;
    return call(args, std::move(options));
}

/// Runs a command that is expected to succeed, and returns what it wrote to its standard
/// output, byte for byte (in text mode, as text).
///
/// @throws CalledProcessError  if it fails, with what it wrote.
/// @throws ValueError          for the options `std_out` and `capture_output`; else as
///                             `run` does.
///
/// Python: `subprocess.check_output`.
inline std::string check_output(const Args& args, Options options = {}) {
    if (!options.std_out.is(INHERIT)) {
        throw ValueError{"std_out argument not allowed, it will be overridden."};
    }
    if (options.capture_output) {
        throw ValueError{
            "capture_output argument not allowed, std_out is collected anyway."};
    }
    options.std_out = PIPE;
    options.check = true;
    return run(args, std::move(options)).std_out;
}

/// Runs a script in /bin/sh.
///
/// @return How it ended, and its standard output and standard error in the order in which
///         they were written, newlines translated and one at the end left out. A script
///         that fails is no error here.
/// @throws OSError  if no shell can be started.
///
/// Python: `subprocess.getstatusoutput`.
[[nodiscard]] inline StatusOutput getstatusoutput(std::string_view script) {
    Options options;
    options.shell = true;
    options.std_err = STDOUT;
    options.std_out = PIPE;
    options.text = true;
    CompletedProcess completed = run(script, std::move(options));
    if (completed.std_out.ends_with('\n')) completed.std_out.pop_back();
    return {completed.returncode, std::move(completed.std_out)};
}

/// The output alone of `getstatusoutput`.
///
/// Python: `subprocess.getoutput`.
[[nodiscard]] inline std::string getoutput(std::string_view script) {
    return getstatusoutput(script).output;
}

}  // namespace pyproc::subprocess
