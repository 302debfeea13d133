// SPDX-License-Identifier: BSL-1.0
// Options that meet each other, and what the child says of them.
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pyproc/subprocess.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

constexpr const char* print_identity = CHILDREN "/child.print_identity";
constexpr const char* print_limits = CHILDREN "/child.print_limits";

/// What print_identity prints.
struct Identified {
    int pid = 0;
    int group = 0;
    int session = 0;
    unsigned umask = 0;
    std::string directory = {};
};

Identified identify(Options options) {
    options.std_out = PIPE;
    const std::string text = run({print_identity}, options).std_out;
    Identified found;
    char directory[4096] = "";
    REQUIRE(std::sscanf(text.c_str(), "pid %d pgid %d sid %d umask %o cwd %4095s",
                        &found.pid, &found.group, &found.session, &found.umask,
                        directory) == 5);
    found.directory = directory;
    return found;
}

int error_number(const Args& args, const Options& options) {
    try {
        run(args, options);
    } catch (const OSError& error) {
        return error.code().value();
    }
    return 0;
}

}  // namespace

TEST_CASE("process_group: a child joins the group of another that runs") {
    Popen leader({CHILDREN "/child.write_and_wait"},
                 {.process_group = 0, .std_in = PIPE});

    const Identified found = identify({.process_group = leader.pid()});

    CHECK(found.group == leader.pid());
    CHECK(found.session == ::getsid(0));
}

TEST_CASE("process_group: a group that is gone, or in another session, is EPERM") {
    Popen ended({CHILDREN "/child.noop"}, {.process_group = 0});
    ended.wait();
    Popen elsewhere({CHILDREN "/child.write_and_wait"},
                    {.start_new_session = true, .std_in = PIPE});

    CHECK(error_number({print_identity}, {.process_group = ended.pid()}) == EPERM);
    CHECK(error_number({print_identity}, {.process_group = elsewhere.pid()}) == EPERM);
}

TEST_CASE("start_new_session with process_group: a leader can't move, as in Python") {
    for (const pid_t group : {pid_t{0}, ::getpgrp()}) {
        CHECK_THROWS_WITH(
            run({print_identity}, {.process_group = group, .start_new_session = true}),
            test::Contains("cannot join the process group (setpgid)"));
        CHECK(error_number({print_identity},
                           {.process_group = group, .start_new_session = true}) == EPERM);
    }
}

TEST_CASE("umask and cwd: both are the child's, and its caller's stay") {
    const mode_t before = ::umask(022);

    const Identified changed = identify({.cwd = "/", .umask = 0007});
    const Identified kept = identify({.cwd = "/"});

    CHECK(changed.umask == 0007);
    CHECK(changed.directory == "/");
    CHECK(kept.umask == 022);
    CHECK(::umask(before) == 022);
}

TEST_CASE("cwd with a path for a stream: the stream's is the caller's, not the child's") {
    char directory[] = "/tmp/pyproc-options-XXXXXX";
    REQUIRE(::mkdtemp(directory) != nullptr);
    const std::string in_directory = std::string{directory} + "/out";

    const std::string told = test::told_by_forked([&]() -> std::string {
        if (::chdir(directory) != 0) return "chdir";
        run({print_identity}, {.cwd = "/", .std_out = "out"});
        return ::access(in_directory.c_str(), F_OK) == 0 ? "in the caller's"
                                                         : "not there";
    });

    CHECK(told == "in the caller's");
    ::unlink(in_directory.c_str());
    ::rmdir(directory);
}

TEST_CASE("cwd with a relative entry in PATH: the entry is the child's") {
    // Looked for in the new directory, as a program with a slash in its name is.
    const std::string below = CHILDREN;
    const std::string parent = below.substr(0, below.rfind('/'));
    const std::string name = below.substr(below.rfind('/') + 1);

    CHECK(run({"child.exit_with", "6"}, {.cwd = parent, .env = {{{"PATH", name}}}})
              .returncode == 6);
    CHECK(run({"child.exit_with", "6"}, {.cwd = CHILDREN, .env = {{{"PATH", ""}}}})
              .returncode == 6);
}

TEST_CASE("env with executable: the PATH in it finds what is executed") {
    CHECK(run({"another name", "5"},
              {.env = {{{"PATH", CHILDREN}}}, .executable = "child.exit_with"})
              .returncode == 5);
}

TEST_CASE("a script without #!: refused when it is the program, run by the shell") {
    char path[] = "/tmp/pyproc-script-XXXXXX";
    const int file = ::mkstemp(path);
    REQUIRE(::write(file, "exit 9\n", 7) == 7);
    ::fchmod(file, 0755);
    ::close(file);

    CHECK(error_number({path}, {}) == ENOEXEC);
    CHECK(run({"/bin/sh", path}).returncode == 9);
    CHECK(run(path, {.shell = true}).returncode == 9);
    ::unlink(path);
}

TEST_CASE(
    "limits: the child has just those, soft and hard, and the rest of its caller's") {
    rlimit files{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    const auto number = [](int resource) { return std::to_string(resource); };

    const auto done = run({print_limits, number(RLIMIT_CORE), number(RLIMIT_CPU),
                           number(RLIMIT_FSIZE), number(RLIMIT_NOFILE)},
                          {.limits = {{RLIMIT_CORE, 0},
                                      {RLIMIT_CPU, 100, 200},
                                      {RLIMIT_FSIZE, 1 << 20, 1 << 21}},
                           .std_out = PIPE});

    CHECK(done.std_out ==
          "0 0\n100 200\n1048576 2097152\n" +
              std::to_string(static_cast<long long>(files.rlim_cur)) + ' ' +
              std::to_string(static_cast<long long>(files.rlim_max)) + '\n');
}

TEST_CASE("limits: none on descriptors keeps a redirection from being made") {
    // The child connects its streams before it has them.
    CHECK(run({CHILDREN "/child.copy_input", "twice"}, {.input = "x",
                                                        .limits = {{RLIMIT_NOFILE, 0}},
                                                        .std_err = STDOUT,
                                                        .std_out = PIPE})
              .std_out == "xx");
}

TEST_CASE("limits: a child that oversteps one is ended by the kernel's signal") {
    const auto done = run({CHILDREN "/child.flood", "1000000", "1"},
                          {.limits = {{RLIMIT_CORE, 0}, {RLIMIT_FSIZE, 1000}},
                           .std_out = "/tmp/pyproc-limit"});

    CHECK(done.returncode == -SIGXFSZ);
    ::unlink("/tmp/pyproc-limit");
}

TEST_CASE("pipesize: all pipes of a child hold that much, where the system has a say") {
    Popen child({CHILDREN "/child.copy_input", "twice"},
                {.pipesize = 1 << 17, .std_err = PIPE, .std_in = PIPE, .std_out = PIPE});

#if defined(F_GETPIPE_SZ) && !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
    for (const int fd :
         {child.std_in.fileno(), child.std_out.fileno(), child.std_err.fileno()}) {
        CHECK(::fcntl(fd, F_GETPIPE_SZ) == 1 << 17);
    }
#endif
    CHECK(child.communicate("x") == Output{"x", "x"});
}

TEST_CASE("pipesize: one that the system refuses is an error, as in Python") {
    const Options options{.input = "x", .pipesize = 0x7fffffff, .std_out = PIPE};

#if defined(F_GETPIPE_SZ) && !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
    CHECK_THROWS_AS(run({CHILDREN "/child.copy_input"}, options), OSError);
#else
    CHECK(run({CHILDREN "/child.copy_input"}, options).std_out == "x");
#endif
}

TEST_CASE("user, group, extra_groups: by name they are what they are by number") {
    const passwd* const nobody = ::getpwnam("nobody");
    const ::group* const daemon = ::getgrnam("daemon");
    if (::geteuid() != 0 || nobody == nullptr || daemon == nullptr) return;
    const uid_t user = nobody->pw_uid;
    const gid_t group = daemon->gr_gid;
    const auto ids_of = [](Options options) {
        options.shell = true;
        options.std_out = PIPE;
        return run("id -u; id -ru; id -g; id -rg; id -G", options).std_out;
    };

    const std::string by_name = ids_of({.extra_groups = std::vector<Identity>{"daemon"},
                                        .group = "daemon",
                                        .user = "nobody"});
    const std::string by_number = ids_of(
        {.extra_groups = std::vector<Identity>{group}, .group = group, .user = user});

    const std::string u = std::to_string(user) + '\n';
    const std::string g = std::to_string(group) + '\n';
    CHECK(by_name == u + u + g + g + g);
    CHECK(by_number == by_name);
}

TEST_CASE("user: the child may no longer do what its caller may, once all is set up") {
    if (::geteuid() != 0) return;
    char directory[] = "/tmp/pyproc-private-XXXXXX";
    REQUIRE(::mkdtemp(directory) != nullptr);  // and only its owner may enter

    // Entered by the caller's right; then the right is given up.
    const auto done = run("pwd; ls .", {.cwd = directory,
                                        .extra_groups = std::vector<Identity>{},
                                        .group = 65534,
                                        .shell = true,
                                        .std_err = DEVNULL,
                                        .std_out = PIPE,
                                        .user = 65534});

    CHECK(done.std_out == std::string{directory} + '\n');
    CHECK(done.returncode != 0);
    ::rmdir(directory);
}

TEST_CASE("extra_groups: an empty list leaves none") {
    if (::geteuid() != 0) return;

    CHECK(run("id -G", {.extra_groups = std::vector<Identity>{},
                        .group = 1234,
                        .shell = true,
                        .std_out = PIPE})
              .std_out == "1234\n");
}

TEST_CASE("pass_fds with user and cwd: the descriptor stays open under its number") {
    const int passed = ::fcntl(0, F_DUPFD_CLOEXEC, 77);
    Options options{.cwd = "/", .pass_fds = {passed}, .std_out = PIPE, .umask = 077};
    if (::geteuid() == 0 && ::access(CHILDREN, X_OK) == 0)
        options.start_new_session = true;

    CHECK(run({CHILDREN "/child.print_descriptors"}, options).std_out == "0 1 2 77 ");
    ::close(passed);
}
