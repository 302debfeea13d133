// SPDX-License-Identifier: BSL-1.0
#include "pyproc/signals.hpp"

#include <csignal>
#include <string>
#include <string_view>

#include "support/catch.hpp"

using namespace pyproc;

// All numbers are compared with Python's in tests/parity/test_os.py.

TEST_CASE("signal_name: a signal has the name it has in C") {
    CHECK(signal_name(SIGTERM) == "SIGTERM");
    CHECK(signal_name(SIGKILL) == "SIGKILL");
    CHECK(signal_name(SIGWINCH) == "SIGWINCH");
}

TEST_CASE("signal_name: of two names for a number the first in the alphabet is given") {
    CHECK(signal_name(SIGABRT) == "SIGABRT");  // not SIGIOT
    CHECK(signal_name(SIGCHLD) == "SIGCHLD");  // not SIGCLD
    CHECK(signal_name(SIGIO) == "SIGIO");      // not SIGPOLL
}

TEST_CASE("signal_name: only the first and the last real-time signal have names") {
    CHECK(signal_name(SIGRTMIN) == "SIGRTMIN");
    CHECK(signal_name(SIGRTMAX) == "SIGRTMAX");
    CHECK(signal_name(SIGRTMIN + 1).empty());
}

TEST_CASE("signal_name: what is no signal has no name") {
    CHECK(signal_name(0).empty());
    CHECK(signal_name(-SIGTERM).empty());
    CHECK(signal_name(SIGRTMAX + 1).empty());
}

TEST_CASE("signal_number: every name leads back to its number") {
    for (int number = 1; number <= SIGRTMAX; ++number) {
        const std::string_view name = signal_name(number);
        if (!name.empty()) CHECK(signal_number(name) == number);
    }
}

TEST_CASE("signal_number: second names are known") {
    CHECK(signal_number("SIGIOT") == SIGABRT);
    CHECK(signal_number("SIGPOLL") == SIGIO);
}

TEST_CASE("signal_number: a name must be whole, in capitals, with its SIG") {
    CHECK_FALSE(signal_number("TERM").has_value());
    CHECK_FALSE(signal_number("sigterm").has_value());
    CHECK_FALSE(signal_number("SIGTER").has_value());
    CHECK_FALSE(signal_number("").has_value());
}

TEST_CASE("describe_signal: a signal with a name reads as Python's repr of it") {
    CHECK(describe_signal(SIGTERM) == "<Signals.SIGTERM: 15>");
}

TEST_CASE("describe_signal: a number without a name is called an unknown signal") {
    CHECK(describe_signal(SIGRTMIN + 6) ==
          "unknown signal " + std::to_string(SIGRTMIN + 6));
}
