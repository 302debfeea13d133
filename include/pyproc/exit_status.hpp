// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>

namespace pyproc {

/// How a process ended: with an exit code of its own, or by a signal.
///
/// The two are kept apart, so that a process that was killed by signal 9 (returncode -9)
/// is never taken for one that exited with 9 or with 137.
class ExitStatus {
public:
    /// A process that ended by itself.
    [[nodiscard]] static constexpr ExitStatus exited(int code) noexcept {
        return ExitStatus{code, 0};
    }

    /// A process that a signal ended.
    [[nodiscard]] static constexpr ExitStatus killed(int signal) noexcept {
        return ExitStatus{0, signal};
    }

    /// From the status word that wait(2) fills in.
    ///
    /// The layout is the one every kernel of this library's platforms shares, spelt out
    /// here because the C macros are not constant expressions on all of them.
    [[nodiscard]] static constexpr ExitStatus from_wait_status(int status) noexcept {
        const int signal = status & 0x7f;
        return signal == 0 ? exited((status >> 8) & 0xff) : killed(signal);
    }

    [[nodiscard]] constexpr bool was_killed() const noexcept { return signal_ != 0; }

    /// The exit code; 0 if a signal ended the process.
    [[nodiscard]] constexpr int code() const noexcept { return code_; }

    /// The signal that ended the process; 0 if it ended by itself.
    [[nodiscard]] constexpr int signal() const noexcept { return signal_; }

    /// Python's `returncode`: the exit code, or minus the number of the signal.
    [[nodiscard]] constexpr int returncode() const noexcept {
        return was_killed() ? -signal_ : code_;
    }

    friend constexpr auto operator<=>(ExitStatus, ExitStatus) noexcept = default;

private:
    constexpr ExitStatus(int code, int signal) noexcept : code_{code}, signal_{signal} {}

    int code_;
    int signal_;
};

}  // namespace pyproc
