// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/prepare.hpp"

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::spawn;

namespace {

constexpr Sources nothing_moved{no_source, no_source, no_source};

std::vector<std::string> strings(const char* const* list) {
    std::vector<std::string> result;
    for (; *list != nullptr; ++list) result.emplace_back(*list);
    return result;
}

using Strings = std::vector<std::string>;

Strings argv_of(const Args& args, const Options& options = {}) {
    return strings(Prepared{args, options, nothing_moved}.plan().argv);
}

Strings candidates_of(const Args& args, const Options& options = {}) {
    return strings(Prepared{args, options, nothing_moved}.plan().candidates);
}

}  // namespace

TEST_CASE("Prepared: the words of the command are the program's arguments") {
    CHECK(argv_of({"ls", "-l", ""}) == Strings{"ls", "-l", ""});
    CHECK(argv_of("ls -l") == Strings{"ls -l"});
}

TEST_CASE(
    "Prepared: a script is run by /bin/sh, with the words after it as its arguments") {
    CHECK(argv_of("echo $0", {.shell = true}) == Strings{"/bin/sh", "-c", "echo $0"});
    CHECK(argv_of({"echo $0", "name"}, {.shell = true}) ==
          Strings{"/bin/sh", "-c", "echo $0", "name"});
    CHECK(argv_of("", {.shell = true}) == Strings{"/bin/sh", "-c", ""});
}

TEST_CASE(
    "Prepared: executable replaces the file and not the name; with shell, the shell") {
    CHECK(argv_of({"name", "x"}, {.executable = "/bin/echo"}) == Strings{"name", "x"});
    CHECK(candidates_of({"name", "x"}, {.executable = "/bin/echo"}) ==
          Strings{"/bin/echo"});
    CHECK(argv_of("exit", {.executable = "/bin/bash", .shell = true}) ==
          Strings{"/bin/bash", "-c", "exit"});
}

TEST_CASE("Prepared: a program with a slash in its name is that file alone") {
    CHECK(candidates_of({"./ls"}) == Strings{"./ls"});
}

TEST_CASE("Prepared: a program without one is looked for along the PATH of the child") {
    const Options options{.env = {{{"PATH", "/a:/b/::c"}}}};

    CHECK(candidates_of({"ls"}, options) == Strings{"/a/ls", "/b/ls", "ls", "c/ls"});
}

TEST_CASE("Prepared: without a PATH it is looked for where Python looks") {
    const Options empty_environment{.env = std::map<std::string, std::string>{}};
    const Options empty_path{.env = {{{"PATH", ""}}}};

    CHECK(candidates_of({"ls"}, empty_environment) == Strings{"/bin/ls", "/usr/bin/ls"});
    CHECK(candidates_of({"ls"}, empty_path) == Strings{"ls"});
}

TEST_CASE("Prepared: without env the environment is the caller's") {
    CHECK(Prepared{{"ls"}, {}, nothing_moved}.plan().envp == posix::environment());
}

TEST_CASE("Prepared: env is the child's whole environment") {
    const Options options{.env = {{{"B", "2"}, {"A", "x=y"}}}};
    const Args args{"ls"};

    const Prepared prepared{args, options, nothing_moved};

    CHECK(strings(prepared.plan().envp) == Strings{"A=x=y", "B=2"});
}

TEST_CASE("Prepared: passed descriptors are in order, once, and close the others") {
    const Options options{.close_fds = false, .pass_fds = {9, 5, 9, 7}};
    const Args args{"ls"};

    const Prepared prepared{args, options, nothing_moved};
    const Plan& plan = prepared.plan();

    CHECK(std::vector<int>(plan.passed, plan.passed + plan.passed_count) ==
          std::vector<int>{5, 7, 9});
    CHECK(plan.closes_descriptors);
    CHECK(plan.table_end == 10);
}

TEST_CASE("Prepared: passing a standard descriptor keeps it, but a redirection wins") {
    const Options options{.pass_fds = {1, 2}};
    const Args args{"ls"};

    const Prepared prepared{args, options, Sources{no_source, 8, no_source}};
    const Plan& plan = prepared.plan();

    REQUIRE(plan.moves.count == 2);
    CHECK(plan.moves.steps[0].kind == FdMove::Kind::keep);
    CHECK(plan.moves.steps[0].to == 2);
    CHECK(plan.moves.steps[1].from == 8);
    CHECK(plan.passed_count == 0);
    CHECK(plan.table_end == 9);
}

TEST_CASE("Prepared: an empty command is a ValueError") {
    CHECK_THROWS_AS(argv_of(Args{}), ValueError);
    CHECK_THROWS_AS(argv_of(""), ValueError);
    CHECK_THROWS_AS(argv_of(Args{}, {.shell = true}), ValueError);
}

TEST_CASE("Prepared: an embedded NUL is a ValueError wherever it is") {
    const std::string bad{"a\0b", 3};

    CHECK_THROWS_AS(argv_of(bad), ValueError);
    CHECK_THROWS_AS(argv_of({"ls", bad}), ValueError);
    CHECK_THROWS_AS(argv_of(bad, {.shell = true}), ValueError);
    CHECK_THROWS_AS(argv_of({"ls"}, {.executable = bad}), ValueError);
    CHECK_THROWS_AS(argv_of({"ls"}, {.cwd = bad}), ValueError);
    CHECK_THROWS_AS(argv_of({"ls"}, {.env = {{{bad, "x"}}}}), ValueError);
    CHECK_THROWS_AS(argv_of({"ls"}, {.env = {{{"x", bad}}}}), ValueError);
}

TEST_CASE("Prepared: a variable's name with an equals sign is a ValueError") {
    CHECK_THROWS_AS(argv_of({"ls"}, {.env = {{{"A=B", "x"}}}}), ValueError);
}

TEST_CASE("Prepared: more extra groups than a process can have are a ValueError") {
    const auto most = static_cast<std::size_t>(::sysconf(_SC_NGROUPS_MAX));
    const std::vector<Identity> too_many(most + 1, Identity{1});

    CHECK_THROWS_AS(argv_of({"ls"}, {.extra_groups = too_many}), ValueError);
}

#ifdef __linux__
TEST_CASE("Prepared: a far pipe is named for what it is, or not, by another's /proc") {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    const int answer = test::forked([&] {
        if (::unshare(CLONE_NEWPID) != 0) return 0;
        return test::forked([&] {
            // Process 1 of a namespace of its own; in /proc there is another of that
            // number.
            const int far =
                ::fcntl(pipe.write_end.get(), F_DUPFD_CLOEXEC, far_descriptor);
            const Args args{"true"};
            const Options options;
            const Prepared prepared{
                args, options, {no_source, far, no_source}, {false, true, false}};
            const char* const name = prepared.plan().far_pipes[1];
            if (name == nullptr) return 0;
            struct stat named {};
            struct stat meant {};
            if (::stat(name, &named) != 0 || ::fstat(far, &meant) != 0) return 1;
            return named.st_ino == meant.st_ino ? 0 : 2;
        });
    });

    CHECK(answer == 0);
}
#endif
