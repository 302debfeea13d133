// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool_errors.hpp"

#include <csignal>
#include <string>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;

TEST_CASE("RemoteError: says the type of what was thrown, and what that says") {
    const RemoteError error{"my::Error", "it broke"};
    const RemoteError silent{"int", ""};

    CHECK(error.type_name() == "my::Error");
    CHECK(error.message() == "it broke");
    CHECK(error.what() == std::string{"my::Error: it broke"});
    CHECK(silent.what() == std::string{"int"});
}

TEST_CASE("WorkerDied: says which process, and what ended it") {
    const WorkerDied killed{7, ExitStatus::killed(SIGSEGV)};
    const WorkerDied odd{7, ExitStatus::killed(SIGRTMIN + 40)};
    const WorkerDied ended{8, ExitStatus::exited(3)};

    CHECK(killed.pid() == 7);
    CHECK(killed.signal() == SIGSEGV);
    CHECK(killed.exitcode() == -SIGSEGV);
    CHECK(
        killed.what() ==
        std::string{"the worker process 7 was killed by SIGSEGV while it ran the task"});
    CHECK_THAT(odd.what(), test::Contains("was killed by "));
    CHECK(ended.signal() == 0);
    CHECK(ended.exitcode() == 3);
    CHECK(
        ended.what() ==
        std::string{"the worker process 8 ended with exit code 3 while it ran the task"});
}

TEST_CASE("TaskTimeout: is a TimeoutError, and PoolTerminated says what it means") {
    CHECK_THROWS_AS(throw TaskTimeout{}, TimeoutError);
    CHECK(PoolTerminated{}.what() == std::string{"the pool was terminated"});
}
