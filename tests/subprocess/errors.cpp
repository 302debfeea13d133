// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/errors.hpp"

#include <chrono>
#include <string>

#include "support/catch.hpp"

using namespace pyproc::subprocess;
using namespace std::chrono_literals;

TEST_CASE("CalledProcessError: the message for an exit code is Python's") {
    const CalledProcessError error{3, {"ls", "-l"}, "out", "err"};

    CHECK(std::string{error.what()} ==
          "Command '['ls', '-l']' returned non-zero exit status 3.");
    CHECK(error.returncode() == 3);
    CHECK(error.cmd() == Args{"ls", "-l"});
    CHECK(error.output() == "out");
    CHECK(error.std_out() == "out");
    CHECK(error.std_err() == "err");
}

TEST_CASE("CalledProcessError: the message for a signal names it as Python does") {
    CHECK(std::string{CalledProcessError{-15, "sleep 9"}.what()} ==
          "Command 'sleep 9' died with <Signals.SIGTERM: 15>.");
    CHECK(std::string{CalledProcessError{-40, "sleep 9"}.what()} ==
          "Command 'sleep 9' died with unknown signal 40.");
}

TEST_CASE("TimeoutExpired: the message is Python's, with the shortest digits") {
    CHECK(std::string{TimeoutExpired{"date", 5s}.what()} ==
          "Command 'date' timed out after 5 seconds");
    CHECK(std::string{TimeoutExpired{"date", 500ms}.what()} ==
          "Command 'date' timed out after 0.5 seconds");
    CHECK(std::string{TimeoutExpired{"date", 300ms}.what()} ==
          "Command 'date' timed out after 0.3 seconds");
    CHECK(std::string{TimeoutExpired{"date", 60s}.what()} ==
          "Command 'date' timed out after 60 seconds");
    CHECK(std::string{TimeoutExpired{"date", 100h}.what()} ==
          "Command 'date' timed out after 360000 seconds");
    CHECK(std::string{TimeoutExpired{"date", 0s}.what()} ==
          "Command 'date' timed out after 0 seconds");
    CHECK(std::string{TimeoutExpired{"date", 100us}.what()} ==
          "Command 'date' timed out after 0.0001 seconds");
    CHECK(std::string{TimeoutExpired{"date", 1001ms}.what()} ==
          "Command 'date' timed out after 1.001 seconds");
}

TEST_CASE("TimeoutExpired: it carries the limit and what had come by then") {
    const TimeoutExpired error{"date", 1500ms, "out", "err"};

    CHECK(error.timeout() == 1500ms);
    CHECK(error.cmd() == Args("date"));
    CHECK(error.output() == "out");
    CHECK(error.std_err() == "err");
}

TEST_CASE("both are SubprocessErrors, and no OSErrors") {
    CHECK_THROWS_AS(throw CalledProcessError(1, "x"), SubprocessError);
    CHECK_THROWS_AS(throw TimeoutExpired("x", 1s), SubprocessError);
}
