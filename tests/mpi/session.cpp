// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/session.hpp"

#include <pyproc/subprocess.hpp>

#include <chrono>
#include <string>
#include <vector>

#include "support/catch.hpp"

namespace {

using namespace std::chrono_literals;

/// Has the program that leaves so run by some ranks.
pyproc::subprocess::CompletedProcess leave(const std::string& how, int ranks = 3) {
    return pyproc::subprocess::run(
        {MPIEXEC, "-n", std::to_string(ranks), CHILDREN "/child.mpi.leave", how},
        {.capture_output = true, .timeout = 50s});
}

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) {
        ++found;
    }
    return found;
}

}  // namespace

TEST_CASE("at the end of rank 0's session the others go on after serve") {
    const auto done = leave("at the end");

    CHECK(done.returncode == 0);
    CHECK(count(done.std_out, "answer 42") == 2);
    CHECK(count(done.std_err, "came back") == 2);
}

TEST_CASE("a session without an executor ends, too") {
    const auto done = leave("no_executor");

    CHECK(done.returncode == 0);
    CHECK(count(done.std_err, "came back") == 2);
}

TEST_CASE("an exception that leaves rank 0's session lets the others go") {
    const auto done = leave("exception");

    CHECK(done.returncode == 4);
    CHECK(count(done.std_err, "caught: left by an exception") == 1);
}

TEST_CASE("an exception that nobody catches ends all") {
    CHECK(leave("uncaught").returncode != 0);
}

TEST_CASE("exit on rank 0 lets the others go") {
    // The code would be another one if MPI had ended them.
    CHECK(leave("exit").returncode == 5);
}

TEST_CASE("exit in a callback on rank 0 has the calls made and lets the others go") {
    for (const int ranks : {1, 2, 3}) {
        const auto done = leave("exit_in_callback", ranks);

        CHECK(done.returncode == 5);
        CHECK(count(done.std_out, "late answer 43") == 1);
    }
}

TEST_CASE("an end of rank 0 that runs no code of ours ends all") {
    CHECK(leave("abrupt").returncode != 0);
}

TEST_CASE("a task that ends its process ends all, and it is said why") {
    const auto done = leave("task_exits");

    CHECK(done.returncode != 0);
    CHECK_THAT(done.std_err, test::Contains("a task has ended it"));
}

TEST_CASE("a task that ends its process at once ends all") {
    CHECK(leave("task_ends").returncode != 0);
}

TEST_CASE("a worker that does not serve ends all, and it is said why") {
    const auto done = leave("no_serve");

    CHECK(done.returncode != 0);
    CHECK_THAT(done.std_err, test::Contains("Session::serve()"));
}

TEST_CASE("ranks that run different programs say so, and end") {
    const auto done = pyproc::subprocess::run(
        {MPIEXEC, "-n", "2", CHILDREN "/child.mpi.leave", "at the end", ":", "-n", "1",
         CHILDREN "/child.mpi.stranger"},
        {.capture_output = true, .timeout = 50s});

    CHECK(done.returncode != 0);
    // Each does, but MPI may have ended some before.
    CHECK_THAT(done.std_err,
               test::Contains("rank 2 does not run the same program as rank 0"));
}
