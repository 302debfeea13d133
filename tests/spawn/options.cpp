// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/options.hpp"

#include <chrono>
#include <filesystem>

#include "support/catch.hpp"

using namespace pyproc::spawn;
using namespace std::chrono_literals;

TEST_CASE("Options: the defaults are Python's") {
    const Options options;

    CHECK_FALSE(options.capture_output);
    CHECK_FALSE(options.check);
    CHECK(options.close_fds);
    CHECK_FALSE(options.cwd);
    CHECK_FALSE(options.die_with_parent);
    CHECK_FALSE(options.env);
    CHECK_FALSE(options.input);
    CHECK(options.pass_fds.empty());
    CHECK_FALSE(options.preexec_fn);
    CHECK(options.restore_signals);
    CHECK_FALSE(options.shell);
    CHECK_FALSE(options.start_new_session);
    CHECK(options.std_err.is(INHERIT));
    CHECK(options.std_in.is(INHERIT));
    CHECK(options.std_out.is(INHERIT));
    CHECK_FALSE(options.text);
    CHECK(options.timeout.is_endless());
    CHECK_FALSE(options.umask);
}

TEST_CASE("Options: all can be named, in alphabetical order") {
    const Options options{.capture_output = true,
                          .check = true,
                          .close_fds = false,
                          .cwd = std::filesystem::path{"/tmp"},
                          .die_with_parent = true,
                          .env = {{{"A", "1"}, {"B", "2"}}},
                          .executable = "/bin/sh",
                          .extra_groups = std::vector<Identity>{"root", 5},
                          .group = 0,
                          .input = "text",
                          .limits = {{RLIMIT_CORE, 0}},
                          .pass_fds = {3, 4},
                          .pipesize = 4096,
                          .preexec_fn = [] {},
                          .process_group = 0,
                          .restore_signals = false,
                          .shell = true,
                          .start_new_session = true,
                          .std_err = STDOUT,
                          .std_in = "in.txt",
                          .std_out = 5,
                          .text = true,
                          .timeout = 5s,
                          .umask = 022,
                          .user = "root"};

    CHECK(options.cwd->string() == "/tmp");
    CHECK(options.env->at("B") == "2");
    CHECK(options.std_out.fd() == 5);
    CHECK(options.timeout.limit() == 5s);
    CHECK(*options.umask == 022);
    CHECK(options.user->as_user() == 0);
}
