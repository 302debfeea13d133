// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include "pyproc/concat.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/posix/chrono.hpp"
#include "pyproc/signals.hpp"
#include "pyproc/spawn/args.hpp"

namespace pyproc::subprocess {

using spawn::Arg;
using spawn::Args;

/// What is wrong with a child that did run. One that could not be started is an
/// `OSError`.
class SubprocessError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

/// The command as Python puts it between the quotes of a message: a string as it is, a
/// list as `repr` shows it.
[[nodiscard]] inline std::string in_message(const Args& cmd) {
    return concat({"Command '", cmd.is_string() ? cmd[0] : cmd.repr(), "'"});
}

}  // namespace detail

/// A child ended with an exit code other than 0, or by a signal.
///
/// Python: `CalledProcessError`, with its messages.
class CalledProcessError : public SubprocessError {
public:
    CalledProcessError(int returncode, Args cmd, std::string output = {},
                       std::string std_err = {})
        : SubprocessError{describe(returncode, cmd)},
          returncode_{returncode},
          cmd_{std::move(cmd)},
          output_{std::move(output)},
          std_err_{std::move(std_err)} {}

    /// The exit code, or minus the number of the signal.
    [[nodiscard]] int returncode() const noexcept { return returncode_; }
    [[nodiscard]] const Args& cmd() const noexcept { return cmd_; }

    /// What the child wrote to its standard output; empty if that was not collected.
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    [[nodiscard]] const std::string& std_out() const noexcept { return output_; }
    [[nodiscard]] const std::string& std_err() const noexcept { return std_err_; }

private:
    [[nodiscard]] static std::string describe(int returncode, const Args& cmd) {
        const std::string how =
            returncode >= 0 ? std::to_string(returncode) : describe_signal(-returncode);
        return concat(
            {detail::in_message(cmd),
             returncode >= 0 ? " returned non-zero exit status " : " died with ", how,
             "."});
    }

    int returncode_;
    Args cmd_;
    std::string output_;
    std::string std_err_;
};

/// A child did not end within the time it was given.
///
/// Python: `TimeoutExpired`, with its message.
class TimeoutExpired : public SubprocessError {
public:
    using seconds = std::chrono::duration<double>;

    TimeoutExpired(Args cmd, seconds timeout, std::string output = {},
                   std::string std_err = {})
        : SubprocessError{concat(
              {detail::in_message(cmd), " timed out after ", repr(timeout), " seconds"})},
          cmd_{std::move(cmd)},
          timeout_{timeout},
          output_{std::move(output)},
          std_err_{std::move(std_err)} {}

    [[nodiscard]] const Args& cmd() const noexcept { return cmd_; }

    /// The limit that passed.
    [[nodiscard]] seconds timeout() const noexcept { return timeout_; }

    /// What the child had written to its standard output by then.
    [[nodiscard]] const std::string& output() const noexcept { return output_; }
    [[nodiscard]] const std::string& std_out() const noexcept { return output_; }
    [[nodiscard]] const std::string& std_err() const noexcept { return std_err_; }

private:
    /// As Python prints a number: whole seconds without a fraction, others to the
    /// nanosecond and no digit more than there is.
    [[nodiscard]] static std::string repr(seconds timeout) {
        constexpr double longest = 9e9;  // in nanoseconds, just what a long long holds
        constexpr long long in_second = 1'000'000'000;
        double limit = timeout.count();
        if (!(limit < longest)) limit = longest;
        if (limit < 0) limit = 0;
        const auto total = static_cast<long long>(limit * 1e9 + 0.5);
        // Not std::to_chars: <charconv> takes the compiler longer than all of this file.
        std::string digits = std::to_string(total % in_second);
        digits.insert(0, 9 - digits.size(), '0');
        while (!digits.empty() && digits.back() == '0') digits.pop_back();
        const std::string text = std::to_string(total / in_second);
        return digits.empty() ? text : concat({text, ".", digits});
    }

    Args cmd_;
    seconds timeout_;
    std::string output_;
    std::string std_err_;
};

}  // namespace pyproc::subprocess
