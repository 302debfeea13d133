// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/popen.hpp"

#include <chrono>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "pyproc/posix/platform.hpp"
#include "pyproc/subprocess/run.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

const std::string more_than_a_pipe_holds(3 << 20, 'x');

constexpr const char* copy_input = CHILDREN "/child.copy_input";
constexpr const char* write_and_wait = CHILDREN "/child.write_and_wait";

/// A child that lives until its standard input ends.
Popen waiting_child() {
    return Popen({write_and_wait}, {.std_in = PIPE});
}

/// Not on the portable side, on older kernels, or under valgrind.
bool has_pidfds() {
    return static_cast<bool>(posix::platform::pidfd_open(::getpid()));
}

template <class Error>
std::string filename_of_failed_start(const Args& args, const Options& options = {}) {
    try {
        const Popen child{args, options};
    } catch (const Error& error) {
        return error.filename();
    }
    return "(started)";
}

}  // namespace

TEST_CASE("Popen: every form of a command that the contract names starts it") {
    const std::string noop = CHILDREN "/child.noop";

    CHECK(Popen(noop).wait() == 0);
    CHECK(Popen(noop.c_str()).wait() == 0);
    CHECK(Popen({noop}).wait() == 0);
    CHECK(Popen({noop, "x"}).wait() == 0);
    Popen braced{{noop, "x"}, {.std_in = PIPE}};
    CHECK(braced.wait() == 0);
    Popen single({CHILDREN "/child.noop"});
    CHECK(single.wait() == 0);
    CHECK(Popen(std::vector<std::string>{noop}).wait() == 0);
}

TEST_CASE("wait: the exit code, or minus the signal's number, so that 9 is not SIGKILL") {
    CHECK(Popen({CHILDREN "/child.exit_with", "9"}).wait() == 9);
    CHECK(Popen({CHILDREN "/child.exit_with", "137"}).wait() == 137);
    CHECK(Popen({CHILDREN "/child.kill_itself", "9"}).wait() == -9);
}

TEST_CASE("poll and returncode: nothing while the child runs, its code for ever after") {
    Popen child = waiting_child();

    CHECK_FALSE(child.poll());
    CHECK_FALSE(child.returncode());
    child.std_in.close();
    CHECK(child.wait() == 0);
    CHECK(child.poll() == 0);
    CHECK(child.returncode() == 0);
}

TEST_CASE(
    "wait with a limit: a child that runs on is TimeoutExpired, and can be waited for") {
    Popen child = waiting_child();

    CHECK_THROWS_AS(child.wait(10ms), TimeoutExpired);
    CHECK_THROWS_AS(child.wait(0s), TimeoutExpired);

    child.std_in.close();
    CHECK(child.wait(1h) == 0);
}

TEST_CASE("wait with a limit: the longest durations wait and do not overflow") {
    CHECK(Popen({CHILDREN "/child.noop"}).wait(std::chrono::hours::max()) == 0);
    CHECK(Popen({CHILDREN "/child.noop"}).wait(std::chrono::milliseconds::max()) == 0);
}

TEST_CASE("wait with a limit: it sleeps and does not spin") {
    Popen child = waiting_child();
    rusage before{};
    rusage after{};
    ::getrusage(RUSAGE_SELF, &before);

    CHECK_THROWS_AS(child.wait(200ms), TimeoutExpired);

    ::getrusage(RUSAGE_SELF, &after);
    const long few = has_pidfds() ? 5 : 20;  // without, it asks at growing intervals
    CHECK(after.ru_nvcsw - before.ru_nvcsw < few);
    child.kill();
}

TEST_CASE("options: timeout and check hold for wait and communicate") {
    Popen slow({write_and_wait}, {.std_in = PIPE, .timeout = 10ms});
    CHECK_THROWS_AS(slow.wait(), TimeoutExpired);
    slow.kill();

    Popen failing({CHILDREN "/child.exit_with", "3"}, {.check = true});
    CHECK_THROWS_AS(failing.wait(), CalledProcessError);
    CHECK_THROWS_AS(failing.communicate(), CalledProcessError);
}

TEST_CASE("signals: terminate, kill and any other reach the child") {
    Popen terminated = waiting_child();
    Popen killed = waiting_child();
    Popen hung_up = waiting_child();

    terminated.terminate();
    killed.kill();
    hung_up.send_signal(SIGHUP);

    CHECK(terminated.wait() == -SIGTERM);
    CHECK(killed.wait() == -SIGKILL);
    CHECK(hung_up.wait() == -SIGHUP);
}

TEST_CASE("signals: one to a reaped child goes nowhere and is no error") {
    Popen child({CHILDREN "/child.noop"});
    child.wait();

    CHECK_NOTHROW(child.terminate());
    CHECK_NOTHROW(child.kill());
    CHECK(child.returncode() == 0);
}

TEST_CASE("signals: a number that is no signal is an OSError") {
    Popen child = waiting_child();

    CHECK_THROWS_AS(child.send_signal(10'000), OSError);

    child.kill();
}

TEST_CASE("communicate: a child that ignores its input is not an error") {
    Popen child{{CHILDREN "/child.noop"}, {.std_in = PIPE}};

    CHECK_NOTHROW(child.communicate(more_than_a_pipe_holds));

    CHECK(child.wait() == 0);
}

TEST_CASE("communicate: input and output flow at once, so neither side can stall") {
    Popen child{{copy_input, "twice"},
                {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};

    const Output output = child.communicate(more_than_a_pipe_holds);

    CHECK(output.std_out == more_than_a_pipe_holds);
    CHECK(output.std_err == more_than_a_pipe_holds);
    CHECK(child.returncode() == 0);
}

TEST_CASE("communicate: a child without pipes is just waited for") {
    Popen child({CHILDREN "/child.exit_with", "4"});

    CHECK(child.communicate() == Output{});
    CHECK(child.returncode() == 4);
}

TEST_CASE("communicate: much on one stream alone comes whole") {
    Popen out({CHILDREN "/child.flood", "10000000", "1"}, {.std_out = PIPE});
    Popen err({CHILDREN "/child.flood", "10000000", "2"}, {.std_err = PIPE});

    CHECK(out.communicate().std_out.size() == 10'000'000);
    CHECK(err.communicate().std_err.size() == 10'000'000);
}

TEST_CASE("communicate: after TimeoutExpired it goes on, with nothing lost") {
    Popen child({write_and_wait, "early"}, {.std_in = PIPE, .std_out = PIPE});
    // The child lives as long as its input has a writer.
    posix::UniqueFd second_writer{::fcntl(child.std_in.fileno(), F_DUPFD_CLOEXEC, 3)};
    std::optional<std::string_view> input = "x";
    std::string at_timeout;
    while (at_timeout.empty()) {
        try {
            child.communicate(input, 10ms);
        } catch (const TimeoutExpired& error) {
            at_timeout = error.output();
        }
        input.reset();  // only the first call may give any
    }

    second_writer.reset();
    const Output output = child.communicate();

    CHECK(at_timeout == "early");
    CHECK(output.std_out == "early");
    CHECK(child.returncode() == 0);
}

TEST_CASE("communicate: its limit holds though a grandchild keeps the pipe open") {
    Popen child({CHILDREN "/child.leave_grandchild", "hi"},
                {.std_in = PIPE, .std_out = PIPE});
    const int keep_grandchild = ::fcntl(child.std_in.fileno(), F_DUPFD_CLOEXEC, 3);
    std::string at_timeout;

    // The child ends in its own time; its output does not end.
    while (at_timeout != "hi" || !child.poll()) {
        try {
            child.communicate(std::nullopt, 20ms);
            FAIL("the pipe ended");
        } catch (const TimeoutExpired& error) {
            at_timeout = error.output();
        }
    }

    CHECK(at_timeout == "hi");
    CHECK(child.returncode() == 0);
    ::close(keep_grandchild);
}

TEST_CASE(
    "communicate: input for a child without a pipe, or other input later, is refused") {
    Popen without({CHILDREN "/child.noop"});
    CHECK_THROWS_AS(without.communicate("x"), ValueError);

    Popen with = waiting_child();
    const posix::UniqueFd second_writer{
        ::fcntl(with.std_in.fileno(), F_DUPFD_CLOEXEC, 3)};
    CHECK_THROWS_AS(with.communicate("x", 1ms), TimeoutExpired);
    CHECK_THROWS_AS(with.communicate("y", 1ms), ValueError);
    with.kill();
}

TEST_CASE("communicate: called again after the end, it gives nothing and does not hang") {
    Popen child({write_and_wait, "x"}, {.std_in = PIPE, .std_out = PIPE});

    CHECK(child.communicate().std_out == "x");
    CHECK(child.communicate() == Output{});
}

TEST_CASE("streams: a conversation by lines") {
    Popen child({copy_input}, {.std_in = PIPE, .std_out = PIPE});

    child.std_in.write("one\n");
    child.std_in.flush();
    CHECK(child.std_out.readline() == "one\n");
    child.std_in.write("two\nthree\n");
    child.std_in.close();
    std::vector<std::string> lines;
    for (const std::string& line : child.std_out) lines.push_back(line);

    CHECK(lines == std::vector<std::string>{"two\n", "three\n"});
    CHECK(child.wait() == 0);
}

TEST_CASE("streams: a conversation in another encoding") {
    Popen child({copy_input}, {.encoding = "shift_jis", .std_in = PIPE, .std_out = PIPE});

    child.std_in.write("\u65e5\u672c\n");
    child.std_in.flush();
    CHECK(child.std_out.readline() == "\u65e5\u672c\n");
    child.std_in.write("\u8a9e!");
    child.std_in.close();

    CHECK(child.std_out.read(1) == "\u8a9e");
    CHECK(child.std_out.read() == "!");
    CHECK(child.wait() == 0);
}

TEST_CASE("communicate: it goes on where the streams were, in the same encoding") {
    Popen child({copy_input}, {.encoding = "utf-16", .std_in = PIPE, .std_out = PIPE});

    child.std_in.write("one\ntw\u20ac");
    child.std_in.flush();
    CHECK(child.std_out.readline() == "one\n");

    CHECK(child.communicate("three").std_out == "tw\u20acthree");
}

TEST_CASE("communicate: a decoding error comes when the child has ended, and once") {
    Popen child({"printf", "\\377"}, {.encoding = "utf-8", .std_out = PIPE});

    CHECK_THROWS_AS(child.communicate(), UnicodeDecodeError);

    CHECK(child.returncode() == 0);
    CHECK(child.communicate() == Output{});
}

TEST_CASE("communicate: after input that can't be encoded, other input may be given") {
    Popen child({copy_input}, {.encoding = "ascii", .std_in = PIPE, .std_out = PIPE});

    CHECK_THROWS_AS(child.communicate("\u00e9"), UnicodeEncodeError);

    CHECK(child.communicate("e").std_out == "e");
}

TEST_CASE(
    "streams: writing to a child that has gone is a BrokenPipeError, not a SIGPIPE") {
    Popen child({CHILDREN "/child.noop"}, {.std_in = PIPE});
    child.wait();

    child.std_in.write("x");

    CHECK_THROWS_AS(child.std_in.flush(), BrokenPipeError);
}

TEST_CASE("streams: those that are not pipes are closed") {
    Popen child({CHILDREN "/child.noop"});

    CHECK(child.std_in.closed());
    CHECK(child.std_out.closed());
    CHECK_THROWS_AS(child.std_out.read(), ValueError);
}

TEST_CASE("a failed start: the class, the file and the step are those of what failed") {
    CHECK(filename_of_failed_start<FileNotFoundError>({"/no/such/program"}) ==
          "/no/such/program");
    CHECK(filename_of_failed_start<FileNotFoundError>({"no-such-program"}) ==
          "no-such-program");
    CHECK(filename_of_failed_start<PermissionError>({"/"}) == "/");
    CHECK(filename_of_failed_start<PermissionError>({"/etc/passwd"}) == "/etc/passwd");
    CHECK(filename_of_failed_start<NotADirectoryError>({"/etc/passwd/x"}) ==
          "/etc/passwd/x");
    CHECK(filename_of_failed_start<FileNotFoundError>({CHILDREN "/child.noop"},
                                                      {.cwd = "/no/such/directory"}) ==
          "/no/such/directory");
    CHECK(filename_of_failed_start<NotADirectoryError>(
              {CHILDREN "/child.noop"}, {.cwd = "/etc/passwd"}) == "/etc/passwd");
    CHECK_THROWS_WITH(Popen({"no-such-program"}),
                      test::Contains("no-such-program") &&
                          test::Contains("cannot execute the program"));
}

TEST_CASE("a failed start: a file that is no program is ENOEXEC, as in Python") {
    char path[] = "/tmp/pyproc-noexec-XXXXXX";
    const int file = ::mkstemp(path);
    REQUIRE(::write(file, "echo hi\n", 8) == 8);
    ::fchmod(file, 0755);
    ::close(file);

    try {
        const Popen child{{path}};
        FAIL("a text without #! was executed");
    } catch (const OSError& error) {
        CHECK(error.code().value() == ENOEXEC);
        CHECK(error.filename() == path);
    }
    ::unlink(path);
}

TEST_CASE(
    "a failed start: a program that may not be read or executed is a PermissionError") {
    char path[] = "/tmp/pyproc-noaccess-XXXXXX";
    const int file = ::mkstemp(path);
    ::fchmod(file, 0);
    ::close(file);

    CHECK(filename_of_failed_start<PermissionError>({path}) == path);
    ::unlink(path);
}

TEST_CASE("a failed start: nothing is left behind, in a hundred of each kind") {
    const auto before = test::open_descriptors();

    for (int i = 0; i < 100; ++i) {
        CHECK_THROWS(
            Popen({"no-such-program"}, {.capture_output = true, .std_in = PIPE}));
        CHECK_THROWS(Popen({copy_input}, {.cwd = "/none", .std_in = PIPE}));
        CHECK_THROWS(Popen({copy_input}, {.std_in = PIPE, .std_out = "/none/file"}));
        CHECK_THROWS(Popen(Args{}, {.std_out = PIPE}));
        CHECK_THROWS(Popen({copy_input}, {.encoding = "none", .std_in = PIPE}));
    }

    CHECK(test::open_descriptors() == before);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("a failed start: buffered output and atexit handlers stay the caller's alone") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);

    const int answer = test::forked([&] {
        ::dup2(ends[1], 1);
        std::atexit([] { ::dprintf(1, "handler\n"); });
        // Not stdout, which TSan's own _exit writes out.
        std::FILE* const buffered = ::fdopen(1, "w");
        std::fputs("once\n", buffered);
        for (int i = 0; i < 100; ++i) {
            try {
                const Popen child{{"no-such-program"}};
            } catch (const FileNotFoundError&) {
            }
        }
        std::fflush(buffered);
        return 0;
    });
    ::close(ends[1]);
    char bytes[256];
    const ssize_t got = ::read(ends[0], bytes, sizeof bytes);
    ::close(ends[0]);

    CHECK(answer == 0);
    CHECK(std::string(bytes, static_cast<std::size_t>(got)) == "once\n");
}

TEST_CASE("descriptors: running out of them is an OSError, at whatever step it comes") {
    const int answer = test::forked([] {
        const auto before = test::open_descriptors();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        for (rlim_t room = 3; room < 16; ++room) {
            const rlimit tight{room, limit.rlim_max};
            ::setrlimit(RLIMIT_NOFILE, &tight);
            bool has_failed = false;
            try {
                Popen child{{copy_input},
                            {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
                child.communicate("x");
            } catch (const OSError& error) {
                has_failed = error.code().value() == EMFILE;
                if (!has_failed) return 1;
            }
            ::setrlimit(RLIMIT_NOFILE, &limit);
            if (test::open_descriptors() != before) return 2;
            if (::waitpid(-1, nullptr, WNOHANG) != -1) return 3;
            if (room == 3 && !has_failed) return 4;
            if (room == 15 && has_failed) return 5;
        }
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE("the destructor closes the pipes and waits, so that no zombie is left") {
    pid_t pid = -1;
    {
        Popen child = waiting_child();
        pid = child.pid();
    }

    CHECK(::waitpid(pid, nullptr, WNOHANG) == -1);
}

TEST_CASE("moving: the child goes along, and the one assigned to is finished first") {
    Popen first = waiting_child();
    const pid_t first_pid = first.pid();
    Popen second = waiting_child();
    const pid_t second_pid = second.pid();

    first = std::move(second);

    CHECK(first.pid() == second_pid);
    CHECK(::waitpid(first_pid, nullptr, WNOHANG) == -1);
    CHECK_THROWS_AS(second.pid(), std::logic_error);  // NOLINT(bugprone-use-after-move)
    Popen third = std::move(first);
    third.std_in.close();
    CHECK(third.wait() == 0);
}

TEST_CASE("a lost status: a child that something else reaped counts as ended with 0") {
    Popen child({CHILDREN "/child.exit_with", "3"});
    ::waitpid(child.pid(), nullptr, 0);

    CHECK(child.wait() == 0);
    CHECK_NOTHROW(child.kill());
}

TEST_CASE("a lost status: with SIGCHLD ignored, wait returns at the child's end") {
    const auto before = std::signal(SIGCHLD, SIG_IGN);
    Popen child = waiting_child();
    child.std_in.close();

    const int code = child.wait();
    std::signal(SIGCHLD, before);

    CHECK(code == 0);
}

TEST_CASE("threads: all who wait, poll and signal get the one true status") {
    Popen child({CHILDREN "/child.exit_with", "6"});
    std::vector<int> codes(8, -1);
    std::vector<std::thread> threads;

    for (std::size_t i = 0; i < codes.size(); ++i) {
        threads.emplace_back([&, i] {
            child.send_signal(0);
            codes[i] = i % 2 == 0 ? child.wait() : child.wait(1h);
        });
    }
    for (std::thread& thread : threads) thread.join();

    CHECK(codes == std::vector<int>(8, 6));
}

TEST_CASE("pidfd: it is the caller's own, and polls readable when the child has ended") {
    Popen child = waiting_child();
    if (!has_pidfds()) {
        CHECK_THROWS_AS(child.pidfd(), OSError);
        return;
    }
    const posix::UniqueFd pidfd = child.pidfd();
    pollfd entry{.fd = pidfd.get(), .events = POLLIN, .revents = 0};

    CHECK(::poll(&entry, 1, 0) == 0);
    child.std_in.close();
    CHECK(::poll(&entry, 1, -1) == 1);
    CHECK(child.wait() == 0);
    CHECK_THROWS_AS(child.pidfd(), ProcessLookupError);
}

TEST_CASE("nothing process-wide changes: handlers, directory, umask stay as they were") {
    struct sigaction chld_before {};
    struct sigaction pipe_before {};
    ::sigaction(SIGCHLD, nullptr, &chld_before);
    ::sigaction(SIGPIPE, nullptr, &pipe_before);
    const mode_t umask_before = ::umask(022);
    char directory_before[4096];
    REQUIRE(::getcwd(directory_before, sizeof directory_before) != nullptr);

    Popen child({copy_input},
                {.cwd = "/", .std_in = PIPE, .std_out = PIPE, .umask = 0777});
    child.communicate("x");

    struct sigaction chld_after {};
    struct sigaction pipe_after {};
    ::sigaction(SIGCHLD, nullptr, &chld_after);
    ::sigaction(SIGPIPE, nullptr, &pipe_after);
    char directory_after[4096];
    REQUIRE(::getcwd(directory_after, sizeof directory_after) != nullptr);
    CHECK(chld_after.sa_handler == chld_before.sa_handler);
    CHECK(pipe_after.sa_handler == pipe_before.sa_handler);
    CHECK(::umask(umask_before) == 022);
    CHECK(std::string{directory_after} == directory_before);
}

TEST_CASE("a caller whose standard descriptors are closed can still talk to a child") {
    const int answer = test::forked([] {
        for (int fd = 0; fd < 3; ++fd) ::close(fd);
        Popen child({copy_input, "twice"},
                    {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});
        const Output output = child.communicate("hello");
        return output == Output{"hello", "hello"} ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "detach: the child runs on, its pipes are closed, and it is reaped at its end") {
    const auto before = test::open_descriptors();
    posix::Pipe input = posix::make_pipe().or_throw("pipe");
    Popen child({write_and_wait}, {.std_in = input.read_end.get(), .std_out = PIPE});
    const pid_t pid = child.pid();

    child.detach();

    CHECK(child.std_out.closed());
    CHECK_THROWS_AS(child.poll(), std::logic_error);
    CHECK(::kill(pid, 0) == 0);
    input = {};
    while (::waitpid(pid, nullptr, WNOHANG) == 0 || errno != ECHILD) ::sched_yield();
    while (test::open_descriptors() != before) ::sched_yield();
}

TEST_CASE("detach: a child that has ended is reaped at once") {
    Popen child({CHILDREN "/child.noop"});
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WEXITED | WNOWAIT);

    child.detach();

    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("detach: a stream that was moved out goes on") {
    const auto before = test::open_descriptors();
    Popen child({CHILDREN "/child.copy_input"}, {.std_in = PIPE, .std_out = PIPE});
    WriteStream input = std::move(child.std_in);
    ReadStream output = std::move(child.std_out);

    child.detach();
    input.write("still here");
    input.close();

    CHECK(output.read() == "still here");
    output.close();
    while (test::open_descriptors() != before) ::sched_yield();
    while (::waitpid(-1, nullptr, WNOHANG) != -1) ::sched_yield();
}

TEST_CASE("detach: without a descriptor left the child stays as it was") {
    const int answer = test::forked([] {
        Popen child = waiting_child();
        const auto before = test::open_descriptors();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit none_left{4, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none_left);
        int code = 0;
        try {
            child.detach();
        } catch (const OSError& error) {
            code = error.code().value();
        }
        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (code != EMFILE) return 1;
        if (test::open_descriptors() != before) return 2;
        child.std_in.close();
        return child.wait();
    });

    CHECK(answer == 0);
}

TEST_CASE("preexec_fn: it runs in the child, with what it has captured") {
    const std::string text = "from the child";

    const auto done =
        run({CHILDREN "/child.noop"},
            {.preexec_fn = [&text] { ::write(1, text.data(), text.size()); },
             .std_out = PIPE});

    CHECK(done.std_out == text);
}

TEST_CASE("preexec_fn: an exception in it is a SubprocessError with Python's words") {
    CHECK_THROWS_WITH(Popen({CHILDREN "/child.noop"}, {.preexec_fn = [] { throw 1; }}),
                      "Exception occurred in preexec_fn.");
    CHECK_THROWS_AS(Popen({CHILDREN "/child.noop"}, {.preexec_fn = [] { throw 1; }}),
                    SubprocessError);
}

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
TEST_CASE(
    "die_with_parent: where there is no such thing it is an error and not ignored") {
    CHECK_THROWS_WITH(Popen({CHILDREN "/child.noop"}, {.die_with_parent = true}),
                      test::Contains("cannot tie its life to ours"));
}
#else
TEST_CASE("die_with_parent: all else is as without it") {
    CHECK(run({CHILDREN "/child.exit_with", "7"}, {.die_with_parent = true}).returncode ==
          7);
    CHECK(filename_of_failed_start<FileNotFoundError>(
              {"/no/such/program"}, {.die_with_parent = true}) == "/no/such/program");
}
#endif

TEST_CASE("release: the child is the caller's to wait for, and its pipes are closed") {
    Popen child = waiting_child();
    const pid_t pid = child.pid();

    const spawn::Started released = child.release();

    CHECK(released.pid == pid);
    int status = 1;
    CHECK(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);
    CHECK_THROWS_AS(child.pid(), std::logic_error);
}

TEST_CASE("release: a child that has been reaped can't be given up") {
    Popen child({CHILDREN "/child.noop"});
    child.wait();

    CHECK_THROWS_AS(child.release(), ProcessLookupError);
    CHECK(child.returncode() == 0);
}
