// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/start_child.hpp"

#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

TEST_CASE("start_child: the child runs, and its pipes are the caller's") {
    spawn::Options options;
    options.std_in = spawn::PIPE;
    options.std_out = spawn::PIPE;

    StartedChild started =
        start_child({CHILDREN "/child.write_and_wait", "hello"}, options);

    char text[5];
    CHECK(::read(started.ours.out.get(), text, sizeof text) == 5);
    CHECK(std::string(text, 5) == "hello");
    CHECK_FALSE(started.ours.err);
    started.ours.in.reset();
    int status = 1;
    CHECK(::waitpid(started.child.pid, &status, 0) == started.child.pid);
    CHECK(status == 0);
}

TEST_CASE(
    "start_child: a failure names the program or the directory, and leaves nothing") {
    spawn::Options options;
    options.std_out = spawn::PIPE;
    try {
        static_cast<void>(start_child({"no-such-program"}, options));
        FAIL();
    } catch (const FileNotFoundError& error) {
        CHECK(error.filename() == "no-such-program");
    }
    options.cwd = "/no/such/directory";
    try {
        static_cast<void>(start_child({CHILDREN "/child.noop"}, options));
        FAIL();
    } catch (const FileNotFoundError& error) {
        CHECK(error.filename() == "/no/such/directory");
    }
}
