// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <csignal>
#include <optional>
#include <string>
#include <string_view>

#include "pyproc/concat.hpp"

namespace pyproc {

namespace detail {

struct NamedSignal {
    int number;
    const char* name;  // the compiler would measure each std::string_view
};

/// The signals with fixed numbers. Where two names share a number, the one that Python
/// prints comes first: the one that is first in the alphabet.
inline constexpr NamedSignal named_signals[] = {
    {SIGABRT, "SIGABRT"},     {SIGALRM, "SIGALRM"},     {SIGBUS, "SIGBUS"},
    {SIGCHLD, "SIGCHLD"},     {SIGCONT, "SIGCONT"},     {SIGFPE, "SIGFPE"},
    {SIGHUP, "SIGHUP"},       {SIGILL, "SIGILL"},       {SIGINT, "SIGINT"},
    {SIGKILL, "SIGKILL"},     {SIGPIPE, "SIGPIPE"},     {SIGPROF, "SIGPROF"},
    {SIGQUIT, "SIGQUIT"},     {SIGSEGV, "SIGSEGV"},     {SIGSTOP, "SIGSTOP"},
    {SIGSYS, "SIGSYS"},       {SIGTERM, "SIGTERM"},     {SIGTRAP, "SIGTRAP"},
    {SIGTSTP, "SIGTSTP"},     {SIGTTIN, "SIGTTIN"},     {SIGTTOU, "SIGTTOU"},
    {SIGURG, "SIGURG"},       {SIGUSR1, "SIGUSR1"},     {SIGUSR2, "SIGUSR2"},
    {SIGXCPU, "SIGXCPU"},     {SIGVTALRM, "SIGVTALRM"}, {SIGXFSZ, "SIGXFSZ"},
#ifdef SIGCLD
    {SIGCLD, "SIGCLD"},
#endif
#ifdef SIGEMT
    {SIGEMT, "SIGEMT"},
#endif
#ifdef SIGINFO
    {SIGINFO, "SIGINFO"},
#endif
#ifdef SIGIO
    {SIGIO, "SIGIO"},
#endif
#ifdef SIGIOT
    {SIGIOT, "SIGIOT"},
#endif
#ifdef SIGPOLL
    {SIGPOLL, "SIGPOLL"},
#endif
#ifdef SIGPWR
    {SIGPWR, "SIGPWR"},
#endif
#ifdef SIGSTKFLT
    {SIGSTKFLT, "SIGSTKFLT"},
#endif
#ifdef SIGWINCH
    {SIGWINCH, "SIGWINCH"},
#endif
};

}  // namespace detail

/// The name of a signal: "SIGTERM" for 15.
///
/// Of the real-time signals only the first and the last have names, SIGRTMIN and
/// SIGRTMAX. Their numbers are the C library's, known at run time only.
///
/// @return Empty for a number that has no name.
///
/// Python: `signal.Signals(number).name`, where the empty answer is a ValueError.
[[nodiscard]] inline std::string_view signal_name(int number) noexcept {
    for (const auto& signal : detail::named_signals) {
        if (signal.number == number) return signal.name;
    }
#if defined(SIGRTMIN) && defined(SIGRTMAX)
    if (number == SIGRTMIN) return "SIGRTMIN";
    if (number == SIGRTMAX) return "SIGRTMAX";
#endif
    return {};
}

/// The number of a signal: 15 for "SIGTERM".
///
/// Second names are known too: SIGCLD, SIGIOT and SIGPOLL where the system has them.
///
/// @param name  With its "SIG", in capitals.
/// @return `nullopt` for a name that this system does not have.
///
/// Python: `signal.Signals[name].value`, where `nullopt` is a KeyError.
[[nodiscard]] inline std::optional<int> signal_number(std::string_view name) noexcept {
    for (const auto& signal : detail::named_signals) {
        if (name == signal.name) return signal.number;
    }
#if defined(SIGRTMIN) && defined(SIGRTMAX)
    if (name == "SIGRTMIN") return SIGRTMIN;
    if (name == "SIGRTMAX") return SIGRTMAX;
#endif
    return std::nullopt;
}

/// A signal as messages name it: `<Signals.SIGTERM: 15>`, or `unknown signal 40`.
///
/// Python: `repr(signal.Signals(number))`, and for a number without a name the words of
///         `str(subprocess.CalledProcessError)`.
[[nodiscard]] inline std::string describe_signal(int number) {
    const std::string_view name = signal_name(number);
    const std::string digits = std::to_string(number);
    if (name.empty()) return concat({"unknown signal ", digits});
    return concat({"<Signals.", name, ": ", digits, ">"});
}

}  // namespace pyproc
