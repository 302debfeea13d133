// SPDX-License-Identifier: BSL-1.0
// Each call that a start makes fails here in turn. What must come of it: one exception
// that names the step and the file, and a caller that is as it was.
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "faults/errors.hpp"
#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include "support/seccomp.hpp"
#endif

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

constexpr const char* noop = CHILDREN "/child.noop";
constexpr const char* copy_input = CHILDREN "/child.copy_input";

constexpr const char* making_a_pipe = "cannot make a pipe for the child (pipe2)";
constexpr const char* making_a_child = "cannot make a process (clone)";
constexpr const char* executing = "cannot execute the program (execve)";
constexpr const char* entering = "cannot enter the working directory (chdir)";

enum class Engine { clone, fork };

std::string_view name_of(Engine engine) {
    return engine == Engine::clone ? "clone" : "fork";
}

/// Those that there are here: the portable side has no clone3, nor may a sandbox.
std::vector<Engine> engines() {
    static const bool has_clone = [] {
        Popen{{noop}}.wait();
        return spawn::clone_engine_works;
    }();
    if (!has_clone) return {Engine::fork};
    return {Engine::clone, Engine::fork};
}

/// For a forked child.
void use(Engine engine) {
    spawn::clone_engine_works = engine == Engine::clone;
}

/// A directory with files that can't be executed, each in its own way.
class Directory {
public:
    Directory() {
        if (::mkdtemp(path_) == nullptr) std::abort();
        // For other users too: some tests become one.
        ::chmod(path_, 0755);
    }
    ~Directory() {
        for (const std::string& name : names_) ::unlink(at(name).c_str());
        ::rmdir(path_);
    }
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    [[nodiscard]] std::string at(const std::string& name) const {
        return std::string{path_} + '/' + name;
    }
    std::string file(const std::string& name, mode_t mode, std::string_view text = {}) {
        names_.push_back(name);
        const posix::UniqueFd fd{::open(at(name).c_str(), O_WRONLY | O_CREAT, 0700)};
        if (::write(fd.get(), text.data(), text.size()) < 0) std::abort();
        ::fchmod(fd.get(), mode);
        return at(name);
    }
    std::string link(const std::string& name, const std::string& to) {
        names_.push_back(name);
        if (::symlink(to.c_str(), at(name).c_str()) != 0) std::abort();
        return at(name);
    }

private:
    char path_[32] = "/tmp/pyproc-faults-XXXXXX";
    std::vector<std::string> names_;
};

std::string start_in_fork(Engine engine, const Args& args, const Options& options) {
    return test::told_by_forked([&] {
        use(engine);
        const test::Caller before;
        return test::error_of([&] {
                   const Popen child{args, options};
               }) +
               before.changes();
    });
}

/// Lets this process open `count` more descriptors.
void leave_room_for(int count) {
    const auto open = test::open_descriptors();
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 0;
    for (int fd = 0; count > 0 || open.contains(fd); ++fd) {
        if (!open.contains(fd)) --count;
        ++limit.rlim_cur;
    }
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

TEST_CASE("a failed start: what is wrong with a program is said, with its name") {
    Directory directory;
    const std::string loop = directory.link("loop", directory.at("loop"));
    const std::string forbidden = directory.file("forbidden", 0600);
    const std::string text = directory.file("text", 0755, "no program\n");
    const std::string orphan = directory.file("orphan", 0755, "#!/no/such/shell\n");
    const std::string busy = directory.file("busy", 0755, "#!/bin/sh\n");
    const posix::UniqueFd writer{::open(busy.c_str(), O_WRONLY | O_CLOEXEC)};
    const std::string too_long = "/" + std::string(5000, 'x');
    struct {
        std::string program;
        int code;
    } const faults[] = {
        {loop, ELOOP},
        {forbidden, EACCES},
        {directory.at(""), EACCES},
        {text, ENOEXEC},
        {orphan, ENOENT},
        {busy, ETXTBSY},
        {too_long, ENAMETOOLONG},
        {text + "/program", ENOTDIR},
        {directory.at("none"), ENOENT},
        {"no-such-program", ENOENT},
    };

    // The caller's own PATH may lead through directories that it may not enter.
    const Options options{.capture_output = true, .env = {{{"PATH", "/bin:/usr/bin"}}}};

    for (const Engine engine : engines()) {
        for (const auto& [program, code] : faults) {
            CHECK(start_in_fork(engine, {program}, options) ==
                  test::expected(code, executing, program));
        }
    }
}

TEST_CASE("a failed start: what is wrong with a directory is said, with its name") {
    Directory directory;
    const std::string loop = directory.link("loop", directory.at("loop"));
    const std::string text = directory.file("text", 0755);
    const std::string too_long = "/" + std::string(5000, 'x');
    struct {
        std::string path;
        int code;
    } const faults[] = {
        {loop, ELOOP},
        {text, ENOTDIR},
        {too_long, ENAMETOOLONG},
        {directory.at("none"), ENOENT},
    };

    for (const Engine engine : engines()) {
        for (const auto& [path, code] : faults) {
            CHECK(start_in_fork(engine, {noop}, {.cwd = path, .std_in = PIPE}) ==
                  test::expected(code, entering, path));
        }
    }
}

TEST_CASE("a failed start: what is wrong with a stream's file is said, with its name") {
    Directory directory;
    const std::string loop = directory.link("loop", directory.at("loop"));
    const std::string text = directory.file("text", 0755);
    struct {
        std::string path;
        int code;
    } const faults[] = {
        {loop, ELOOP},
        {directory.at(""), EISDIR},
        {text + "/file", ENOTDIR},
        {directory.at("none/file"), ENOENT},
    };

    for (const Engine engine : engines()) {
        for (const auto& [path, code] : faults) {
            CHECK(start_in_fork(engine, {noop}, {.std_in = PIPE, .std_out = path}) ==
                  test::expected(code, "open", path));
        }
    }
}

TEST_CASE("a failed start: a directory that may not be entered is a PermissionError") {
    Directory directory;
    const std::string program = directory.at("program");

    for (const Engine engine : engines()) {
        const std::string told = test::told_by_forked([&] {
            use(engine);
            ::chmod(directory.at("").c_str(), 0);
            if (::geteuid() == 0 && ::seteuid(65534) != 0) return std::string{"seteuid"};
            const test::Caller before;
            std::string text = test::error_of([&] { const Popen child{{program}}; });
            text += '\n' + test::error_of([&] {
                        const Popen child{{noop}, {.cwd = directory.at("")}};
                    });
            return text + before.changes();
        });

        CHECK(told == test::expected(EACCES, executing, program) + '\n' +
                          test::expected(EACCES, entering, directory.at("")));
    }
    ::chmod(directory.at("").c_str(), 0700);
}

TEST_CASE("a failed start: a string longer than the kernel takes is E2BIG") {
    // Linux: 32 pages. Elsewhere only the whole is limited.
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::string longest(32 * page - 1, 'x');
    const std::string too_long = longest + 'x';

    for (const Engine engine : engines()) {
        CHECK(start_in_fork(engine, {noop, longest}, {}) == "no error");
        CHECK(start_in_fork(engine, {noop, too_long}, {.std_out = PIPE}) ==
              test::expected(E2BIG, executing, noop));
        CHECK(start_in_fork(engine, {noop}, {.env = {{{"X", too_long}}}}) ==
              test::expected(E2BIG, executing, noop));
    }
}

TEST_CASE("a start with megabytes of arguments works up to the kernel's limit") {
    const std::string word(100'000, 'x');
    const std::string too_much = test::expected(E2BIG, executing, noop);

    for (const Engine engine : engines()) {
        for (const bool in_environment : {false, true}) {
            const std::string told = test::told_by_forked([&] {
                use(engine);
                // The kernel grants a quarter of it.
                rlimit limit{};
                ::getrlimit(RLIMIT_STACK, &limit);
                limit.rlim_cur = 8 << 20;
                ::setrlimit(RLIMIT_STACK, &limit);
                std::vector<std::string> args{noop};
                std::map<std::string, std::string> env;
                const test::Caller before;
                std::string error;
                int count = 0;
                for (;; ++count) {
                    Options options;
                    if (in_environment) {
                        options.env = env;
                        env.emplace("X" + std::to_string(count), word);
                    } else {
                        args.push_back(word);
                    }
                    error = test::error_of([&] { const Popen child{args, options}; });
                    if (error != "no error") break;
                }
                if (count < 15) error += "; that was little";
                return error + before.changes();
            });
            CHECK(told == too_much);
        }
    }
}

TEST_CASE("a failed start: wherever descriptors run out, it is said, and none is lost") {
    constexpr int enough = 20;
    for (const Engine engine : engines()) {
        for (const bool closes_standard : {false, true}) {
            int room = 0;
            std::string told;
            for (; told != "no error" && room < enough; ++room) {
                told = test::told_by_forked([&] {
                    use(engine);
                    rlimit limit{};
                    ::getrlimit(RLIMIT_NOFILE, &limit);
                    for (int fd = 0; closes_standard && fd < 3; ++fd) ::close(fd);
                    const test::Caller before;
                    leave_room_for(room);
                    const std::exception_ptr failure = test::failure_of([&] {
                        Popen child{{copy_input},
                                    {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
                        if (child.communicate("hello").std_out != "hello") ::_exit(1);
                    });
                    ::setrlimit(RLIMIT_NOFILE, &limit);
                    return test::text_of(failure) + before.changes();
                });
                INFO("with room for " << room << " by " << name_of(engine));
                CHECK_THAT(told,
                           test::Equals("no error") ||
                               test::Equals(test::expected(EMFILE, making_a_pipe)) ||
                               test::Equals(test::expected(EMFILE, making_a_child)));
            }
            CHECK(told == "no error");
            CHECK(room > 6);  // the ends of three pipes at least
        }
    }
}

#ifdef __linux__
namespace {

// What the C library may use for the same, on one processor or another.
const std::vector<unsigned> pipe_calls{
    SYS_pipe2,
#ifdef SYS_pipe
    SYS_pipe,
#endif
};
const std::vector<unsigned> dup_calls{
    SYS_dup3,
#ifdef SYS_dup2
    SYS_dup2,
#endif
};
const std::vector<unsigned> fork_calls{
    SYS_clone,
#ifdef SYS_fork
    SYS_fork,
    SYS_vfork,
#endif
};
const std::vector<unsigned> limit_calls{
    SYS_prlimit64,
#ifdef SYS_setrlimit
    SYS_setrlimit,
#endif
};

/// A call that is refused during a start.
struct Fault {
    std::vector<unsigned> calls;
    std::vector<int> codes;  ///< each in turn
    Options options;         ///< what makes a start use the call
    std::string_view step;   ///< the words for it in the exception
    std::string_view file = {};
    std::vector<test::Refusal::Argument> arguments = {};
};

std::string start_under(const Fault& fault, int code, Engine engine) {
    return test::told_by_forked([&] {
        std::vector<test::Refusal> refusals{{fault.calls, code, fault.arguments}};
        // A sandbox without clone3, which the library has to find out.
        if (engine == Engine::fork) refusals.push_back({{test::clone3_call}, ENOSYS});
        const test::Caller before;
        std::exception_ptr failure;
        std::string faults;
        test::in_sandbox(refusals, [&] {
            const auto blocked = test::blocked_signals();
            failure = test::failure_of([&] { const Popen child{{noop}, fault.options}; });
            if (test::blocked_signals() != blocked) faults += "; other signals blocked";
        });
        if (engine == Engine::clone && !spawn::clone_engine_works)
            faults += "; the other engine ran";
        return test::text_of(failure) + faults + before.changes();
    });
}

void check(const Fault& fault, Engine engine) {
    for (const int code : fault.codes) {
        INFO("errno " << code << " by " << name_of(engine));
        CHECK(start_under(fault, code, engine) ==
              test::expected(code, fault.step, fault.file));
    }
}

/// Likewise, but a start gets by without the call.
void check_does_without(const Fault& fault, Engine engine) {
    for (const int code : fault.codes) {
        INFO("errno " << code << " by " << name_of(engine));
        CHECK(start_under(fault, code, engine) == "no error");
    }
}

}  // namespace

TEST_CASE("a failed start: whatever call fails, the exception names the step and file") {
    const std::vector<Fault> faults{
        {pipe_calls, {EMFILE, ENFILE, ENOMEM}, {.std_in = PIPE}, making_a_pipe},
        {{SYS_openat},
         {EMFILE, ENFILE, ENOMEM, EACCES, ELOOP},
         {.std_in = PIPE, .std_out = DEVNULL},
         "open",
         "/dev/null"},
        {{SYS_chdir},
         {ENOENT, EACCES, ELOOP, ENOMEM, ENAMETOOLONG, ENOTDIR, EIO},
         {.cwd = "/"},
         entering,
         "/"},
        {dup_calls,
         {EMFILE, EBUSY, EIO},
         {.std_out = DEVNULL},
         "cannot connect the standard streams (dup2)"},
        {{SYS_fcntl},
         {EMFILE},
         {.std_err = 1, .std_out = 2},  // a ring: one of them has to be saved
         "cannot connect the standard streams (dup2)",
         {},
         {{1, F_DUPFD_CLOEXEC}}},
        {{SYS_fcntl},
         {EIO},
         {.std_out = 1},
         "cannot connect the standard streams (dup2)",
         {},
         {{1, F_SETFD}, {2, 0}}},
        {{SYS_setsid},
         {EPERM},
         {.start_new_session = true},
         "cannot start a session (setsid)"},
        {{SYS_setpgid},
         {EPERM, ESRCH, EACCES},
         {.process_group = 0},
         "cannot join the process group (setpgid)"},
        {limit_calls,
         {EPERM, EINVAL},
         {.limits = {{RLIMIT_CORE, 0}}},
         "cannot set a limit (setrlimit)"},
        {{SYS_setgroups},
         {EPERM, ENOMEM, EINVAL},
         {.extra_groups = std::vector<Identity>{1, 2}},
         "cannot set the extra groups (setgroups)"},
        {{SYS_setresgid, SYS_setregid},
         {EPERM, EAGAIN, EINVAL},
         {.group = ::getegid()},
         "cannot become the group (setgid)"},
        {{SYS_setresuid, SYS_setreuid},
         {EPERM, EAGAIN, EINVAL},
         {.user = ::geteuid()},
         "cannot become the user (setuid)"},
        {{SYS_execve},
         {E2BIG, EACCES, EAGAIN, EINVAL, EIO, EISDIR, ELOOP, EMFILE, ENAMETOOLONG, ENFILE,
          ENOENT, ENOEXEC, ENOMEM, ENOSYS, ENOTDIR, EPERM, ETXTBSY},
         {.capture_output = true, .cwd = "/", .umask = 077},
         executing,
         noop},
    };

    for (const Engine engine : engines()) {
        for (const Fault& fault : faults) check(fault, engine);
    }
}

TEST_CASE("a failed start: a descriptor that can't be passed on is said") {
    const int passed = ::fcntl(0, F_DUPFD_CLOEXEC, 30);
    const Fault fault{{SYS_fcntl},
                      {EIO},
                      {.pass_fds = {passed}},
                      "cannot pass a descriptor on (fcntl)",
                      {},
                      {{0, static_cast<unsigned>(passed)}, {1, F_SETFD}}};

    for (const Engine engine : engines()) check(fault, engine);
    ::close(passed);
}

TEST_CASE("a failed start: no process can be made, by either engine") {
    const std::vector<int> codes{EAGAIN, ENOMEM};

    for (const Engine engine : engines()) {
        if (engine == Engine::clone) {
            check({{test::clone3_call}, codes, {.std_in = PIPE}, making_a_child}, engine);
            check({{test::clone3_call}, {EMFILE, ENFILE}, {}, making_a_child}, engine);
            check({{test::close_range_call},
                   {EMFILE, ENOMEM},
                   {.std_in = PIPE},
                   "cannot close descriptors (close_range)"},
                  engine);
        } else {
            check({fork_calls, codes, {.std_in = PIPE}, making_a_child}, engine);
            check({pipe_calls, {EMFILE, ENFILE}, {}, making_a_child}, engine);
        }
    }
}

TEST_CASE("a failed start: by fork, whether the program runs must be known") {
    check({{SYS_read}, {EIO, ENOMEM}, {.std_in = DEVNULL}, making_a_child}, Engine::fork);
}

#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
TEST_CASE("a failed start: a pipesize that is refused is told") {
    constexpr unsigned set_pipe_size = 1031;
    for (const Engine engine : engines()) {
        check({{SYS_fcntl},
               {EPERM, ENOMEM, EBUSY},
               {.pipesize = 1 << 17, .std_in = PIPE},
               "cannot set a pipe's pipesize (fcntl)",
               {},
               {{1, set_pipe_size}}},
              engine);
    }
}
#endif

TEST_CASE("a start does without what it does not need") {
    for (const Engine engine : engines()) {
        check_does_without({{SYS_waitid}, {ENOSYS, EPERM}, {}, {}}, engine);
        if (engine == Engine::clone)
            check_does_without({{SYS_wait4}, {ENOSYS, EPERM}, {}, {}}, engine);
        check_does_without({{test::pidfd_open_call}, {EMFILE, ENFILE, ENOMEM}, {}, {}},
                           engine);
    }
    check_does_without({{SYS_openat}, {EMFILE, ENFILE}, {}, {}}, Engine::fork);
    check_does_without({{test::close_range_call}, {EMFILE, ENOMEM}, {}, {}},
                       Engine::fork);
    check_does_without({{SYS_poll, SYS_ppoll}, {ENOMEM}, {}, {}}, Engine::fork);
}
#endif
