// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/arguments.hpp"

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using spawn::Redirect;

namespace {

Args args_of(Command command) {
    return command.args();
}

Options options_of(const BracedOptions& options) {
    return options.options();
}

}  // namespace

TEST_CASE("Command: a braced list of strings and paths is one of words") {
    const std::string word = "b";

    CHECK(args_of({"a", word, std::string_view{"c"}, std::filesystem::path{"/d"}}) ==
          Args({"a", "b", "c", "/d"}));
}

TEST_CASE("Command: a string is a string, and a range is one of words") {
    CHECK(args_of("echo x").is_string());
    CHECK(args_of("echo x") == Args("echo x"));
    CHECK(args_of(std::vector<std::string>{"a", "b"}) == Args({"a", "b"}));
    CHECK(args_of(Args{"a", "b"}) == Args({"a", "b"}));
}

TEST_CASE("BracedOptions: empty braces mean the defaults") {
    const Options defaults;

    const Options options = options_of({});

    CHECK(options.close_fds == defaults.close_fds);
    CHECK(options.pipesize == defaults.pipesize);
    CHECK(options.restore_signals == defaults.restore_signals);
    CHECK_FALSE(options.cwd);
    CHECK_FALSE(options.env);
    CHECK_FALSE(options.preexec_fn);
    CHECK(options.std_in.is(spawn::INHERIT));
    CHECK(options.timeout.is_endless());
}

TEST_CASE("BracedOptions: every member arrives in the options") {
    int called = 0;
    const auto call = [&called] { ++called; };

    const Options options = options_of({.capture_output = true,
                                        .check = true,
                                        .close_fds = false,
                                        .cwd = std::filesystem::path{"/tmp"},
                                        .die_with_parent = true,
                                        .encoding = "latin-1",
                                        .env = {{{"A", "1"}, {"B", "2"}}},
                                        .errors = std::string{"replace"},
                                        .executable = "/bin/sh",
                                        .extra_groups = {{1, "two"}},
                                        .group = 3,
                                        .input = std::string(100, 'x'),
                                        .limits = {{RLIMIT_CORE, 0}},
                                        .pass_fds = {5, 6},
                                        .pipesize = 4096,
                                        .preexec_fn = call,
                                        .process_group = 0,
                                        .restore_signals = false,
                                        .shell = true,
                                        .start_new_session = true,
                                        .std_err = spawn::STDOUT,
                                        .std_in = 7,
                                        .std_out = "file",
                                        .text = true,
                                        .timeout = std::chrono::seconds{2},
                                        .umask = 077,
                                        .user = "nobody"});

    CHECK(options.capture_output);
    CHECK(options.check);
    CHECK_FALSE(options.close_fds);
    CHECK(options.cwd->string() == "/tmp");
    CHECK(options.die_with_parent);
    CHECK(*options.encoding == "latin-1");
    CHECK(*options.env == std::map<std::string, std::string>{{"A", "1"}, {"B", "2"}});
    CHECK(*options.errors == "replace");
    CHECK(options.executable->string() == "/bin/sh");
    CHECK(options.extra_groups->size() == 2);
    CHECK(options.group->as_group() == 3);
    CHECK(*options.input == std::string(100, 'x'));
    REQUIRE(options.limits.size() == 1);
    CHECK(options.limits[0].resource == RLIMIT_CORE);
    CHECK(options.pass_fds == std::vector<int>{5, 6});
    CHECK(options.pipesize == 4096);
    CHECK(spawn::Preexec::call(&options.preexec_fn));
    CHECK(called == 1);
    CHECK(*options.process_group == 0);
    CHECK_FALSE(options.restore_signals);
    CHECK(options.shell);
    CHECK(options.start_new_session);
    CHECK(options.std_err.is(spawn::STDOUT));
    CHECK(options.std_in.fd() == 7);
    CHECK(options.std_out.path().string() == "file");
    CHECK(options.text);
    CHECK(options.timeout.limit() == std::chrono::seconds{2});
    CHECK(*options.umask == 077);
    CHECK(options.user);
}

TEST_CASE("BracedOptions: a list or a map may be one that has a name") {
    const std::map<std::string, std::string> env{{"A", "1"}};
    const std::optional<std::map<std::string, std::string>> none;
    const std::vector<int> fds{8};

    CHECK(*options_of({.env = env}).env == env);
    CHECK_FALSE(options_of({.env = none}).env);
    CHECK(options_of({.pass_fds = fds}).pass_fds == fds);
}

TEST_CASE("BracedOptions: there is a member for each of Options, in their order") {
    // A member more there would be one too many here.
    Options made;
    auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x, y, z,
           last] = made;
    BracedOptions braced;
    auto& [ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl, bm, bn, bo, bp, bq, br, bs, bt,
           bu, bv, bw, bx, by, bz, blast] = braced;

    CHECK(&last == &made.user);
    CHECK(&blast == &braced.user);
    static_cast<void>(std::tie(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t,
                               u, v, w, x, y, z));
    static_cast<void>(std::tie(ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl, bm, bn, bo,
                               bp, bq, br, bs, bt, bu, bv, bw, bx, by, bz));
}
