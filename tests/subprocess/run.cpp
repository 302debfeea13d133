// SPDX-License-Identifier: BSL-1.0
#include "pyproc/subprocess/run.hpp"

#include <array>
#include <chrono>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

constexpr const char* print_arguments = CHILDREN "/child.print_arguments";

/// What `print_arguments` prints for these words.
std::string printed(const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text.append(word).push_back('\0');
    return text;
}

/// A file that goes away with the test.
class TemporaryFile {
public:
    TemporaryFile() { ::close(::mkstemp(path_)); }
    ~TemporaryFile() { ::unlink(path_); }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    [[nodiscard]] const char* path() const { return path_; }

private:
    char path_[32] = "/tmp/pyproc-run-XXXXXX";
};

}  // namespace

TEST_CASE("run: what came of the command is in the answer") {
    const CompletedProcess done = run({CHILDREN "/child.copy_input", "twice"},
                                      {.capture_output = true, .input = "hello"});

    CHECK(done.returncode == 0);
    CHECK(done.std_out == "hello");
    CHECK(done.std_err == "hello");
    CHECK(done.args == Args{CHILDREN "/child.copy_input", "twice"});
    CHECK(done.rusage.ru_maxrss > 0);
}

TEST_CASE("run: every form of a command that the contract names is one command") {
    const Options quiet{.std_out = PIPE};
    const std::string program = print_arguments;
    const std::filesystem::path path = print_arguments;
    const std::vector<std::string> strings{program, "b"};
    const std::vector<std::string_view> views{program, "b"};
    const char* const array[] = {print_arguments, "b", nullptr};
    std::string writable = program;
    std::string argument = "b";
    char* pointers[] = {writable.data(), argument.data()};
    const std::string alone = printed({program});
    const std::string both = printed({program, "b"});

    CHECK(run(print_arguments, quiet).std_out == alone);
    CHECK(run(program, quiet).std_out == alone);
    CHECK(run(path, quiet).std_out == alone);
    CHECK(run({program}, quiet).std_out == alone);
    CHECK(run({program, "b"}, quiet).std_out == both);
    CHECK(run({path, "b"}, quiet).std_out == both);
    CHECK(run({std::string{print_arguments}}, quiet).std_out == alone);
    CHECK(run(strings, quiet).std_out == both);
    CHECK(run(views, quiet).std_out == both);
    CHECK(run(array, quiet).std_out == both);
    CHECK(run(std::span<char*>{pointers}, quiet).std_out == both);
    CHECK(run({{print_arguments, "b"}}, quiet).std_out == both);
}

TEST_CASE("run: arguments arrive as they were given, whatever is in them") {
    const std::vector<std::string> words{print_arguments, "",         " ",
                                         "a b",           "'\"$`\\*", "\n\xff"};

    CHECK(run(words, {.std_out = PIPE}).std_out == printed(words));
}

TEST_CASE("run: shell gives a script to the shell, and more words are its arguments") {
    CHECK(run("exit 7", {.shell = true}).returncode == 7);
    CHECK(run({"echo \"$0 $1\"", "zero", "one"}, {.shell = true, .std_out = PIPE})
              .std_out == "zero one\n");
}

TEST_CASE("run: executable is what runs, the command only what it is called") {
    CHECK(run({"another name", "b"}, {.executable = print_arguments, .std_out = PIPE})
              .std_out == printed({"another name", "b"}));
}

TEST_CASE(
    "run: env is the whole environment, and its PATH where a program is looked for") {
    const auto done =
        run({"child.print_environment"},
            {.env = {{{"PATH", "/none:" CHILDREN}, {"A", "1"}}}, .std_out = PIPE});

    CHECK(done.std_out == "A=1\nPATH=/none:" CHILDREN "\n");
}

TEST_CASE("run: an empty environment is empty") {
    const std::map<std::string, std::string> nothing;

    const auto done =
        run({CHILDREN "/child.print_environment"}, {.env = nothing, .std_out = PIPE});

    CHECK(done.std_out == "");
}

TEST_CASE("run: a relative program is looked for from the child's working directory") {
    CHECK(run({"./child.exit_with", "8"}, {.cwd = CHILDREN}).returncode == 8);
    CHECK_THROWS_AS(run({"./child.exit_with", "8"}, {.cwd = "/"}), FileNotFoundError);
}

TEST_CASE("run: standard streams come from files and go to files") {
    const TemporaryFile file;

    run({CHILDREN "/child.flood", "5", "1"}, {.std_out = file.path()});
    const auto from_path =
        run({CHILDREN "/child.copy_input"}, {.std_in = file.path(), .std_out = PIPE});
    std::FILE* const opened = std::fopen(file.path(), "re");
    const auto from_file =
        run({CHILDREN "/child.copy_input"}, {.std_in = opened, .std_out = PIPE});
    std::fclose(opened);

    CHECK(from_path.std_out == "xxxxx");
    CHECK(from_file.std_out == "xxxxx");
}

TEST_CASE("run: DEVNULL gives nothing and takes everything") {
    const auto done =
        run({CHILDREN "/child.copy_input"}, {.std_in = DEVNULL, .std_out = PIPE});

    CHECK(done.std_out.empty());
    CHECK(
        run({CHILDREN "/child.flood", "1000000", "1"}, {.std_out = DEVNULL}).returncode ==
        0);
}

TEST_CASE("run: STDOUT folds errors into the output, in the order they were written") {
    const auto done = run("echo a; echo b >&2; echo c",
                          {.shell = true, .std_err = STDOUT, .std_out = PIPE});

    CHECK(done.std_out == "a\nb\nc\n");
    CHECK(done.std_err.empty());
}

TEST_CASE("run: text has its newlines translated") {
    CHECK(run({"printf", "a\\r\\nb\\rc"}, {.std_out = PIPE, .text = true}).std_out ==
          "a\nb\nc");
    CHECK(run({"printf", "a\\r\\nb\\rc"}, {.std_out = PIPE}).std_out == "a\r\nb\rc");
}

TEST_CASE("run: any of text, encoding and errors makes it text, as UTF-8") {
    CHECK(run({"printf", "caf\\351\\r\\n"}, {.encoding = "latin-1", .std_out = PIPE})
              .std_out == "caf\u00e9\n");
    CHECK(
        run({"printf", "a\\377\\r\\n"}, {.errors = "replace", .std_out = PIPE}).std_out ==
        "a\ufffd\n");
    CHECK(run({"printf", "a\\377\\r\\n"}, {.std_out = PIPE, .text = true}).std_out ==
          "a\xff\n");
}

TEST_CASE("run: input is encoded, and both streams are decoded") {
    const CompletedProcess done =
        run({CHILDREN "/child.copy_input", "twice"},
            {.capture_output = true, .encoding = "utf-16", .input = "\u65e5\r\n"});
    const std::string bytes =
        check_output({CHILDREN "/child.copy_input"}, {.input = "\u65e5"});

    CHECK(done.std_out == "\u65e5\n");
    CHECK(done.std_err == "\u65e5\n");
    CHECK(bytes == "\u65e5");
}

TEST_CASE("run: much text is encoded and decoded whole") {
    std::string text;
    while (text.size() < 1'000'000) text += "\u65e5\u672c\u8a9e\n";

    for (const char* encoding : {"utf-8", "shift_jis", "utf-16", "iso2022_jp"}) {
        const auto done = run({CHILDREN "/child.copy_input"},
                              {.encoding = encoding, .input = text, .std_out = PIPE});
        CHECK(done.std_out == text);
    }
}

TEST_CASE("run: output that is not text is an error, and the child has been reaped") {
    try {
        run({"printf", "ok\\377"}, {.encoding = "utf-8", .std_out = PIPE});
        FAIL("bytes passed for text");
    } catch (const UnicodeDecodeError& error) {
        CHECK(std::string{error.what()} ==
              "'utf-8' codec can't decode byte 0xff in position 2: invalid start byte");
        CHECK(error.object() == "ok\xff");
    }

    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("run: input that can't be encoded is an error, and the child has been reaped") {
    CHECK_THROWS_AS(
        run({CHILDREN "/child.copy_input"}, {.encoding = "ascii", .input = "\u00e9"}),
        UnicodeEncodeError);

    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("run: an unknown encoding or error handler is refused before anything starts") {
    CHECK_THROWS_MATCHES(run({CHILDREN "/child.noop"}, {.encoding = "x"}), ValueError,
                         test::Message("unknown encoding: x"));
    CHECK_THROWS_MATCHES(run({CHILDREN "/child.noop"}, {.errors = "x"}), ValueError,
                         test::Message("unknown error handler name 'x'"));
}

TEST_CASE("run: CalledProcessError carries text") {
    try {
        check_output("printf 'caf\\351\\r\\n'; exit 3",
                     {.encoding = "latin-1", .shell = true});
        FAIL("a failure passed for a success");
    } catch (const CalledProcessError& error) {
        CHECK(error.output() == "caf\u00e9\n");
    }
}

TEST_CASE("run: TimeoutExpired carries the bytes, as in Python") {
    try {
        run("printf 'caf\\351\\r\\n'; exec sleep 100",
            {.encoding = "latin-1", .shell = true, .std_out = PIPE, .timeout = 300ms});
        FAIL("a child that sleeps on ended");
    } catch (const TimeoutExpired& error) {
        CHECK(error.output() == "caf\xe9\r\n");
    }
}

TEST_CASE("run: check makes a failure an exception that carries the output") {
    try {
        run("echo out; echo err >&2; exit 3",
            {.capture_output = true, .check = true, .shell = true});
        FAIL("a failure passed for a success");
    } catch (const CalledProcessError& error) {
        CHECK(error.returncode() == 3);
        CHECK(error.output() == "out\n");
        CHECK(error.std_err() == "err\n");
    }
    CHECK_NOTHROW(run({CHILDREN "/child.noop"}, {.check = true}));
}

TEST_CASE("run: limits are the child's and not the caller's") {
    rlimit before{};
    ::getrlimit(RLIMIT_NOFILE, &before);

    const auto done = run("ulimit -Sn; ulimit -Hn; ulimit -c",
                          {.limits = {{RLIMIT_NOFILE, 64, 128}, {RLIMIT_CORE, 0}},
                           .shell = true,
                           .std_out = PIPE});

    rlimit after{};
    ::getrlimit(RLIMIT_NOFILE, &after);
    CHECK(done.std_out == "64\n128\n0\n");
    CHECK(after.rlim_cur == before.rlim_cur);
}

TEST_CASE("run: a limit that can't be set is an OSError of that step") {
    CHECK_THROWS_WITH(run({CHILDREN "/child.noop"}, {.limits = {{RLIMIT_NOFILE, 9, 3}}}),
                      test::Contains("setrlimit"));
    CHECK_THROWS_AS(run({CHILDREN "/child.noop"}, {.limits = {{-1, 0}}}), OSError);
}

TEST_CASE("run: user, group and extra_groups are the child's, by number or name") {
    const Options options{.extra_groups = std::vector<Identity>{4321, "daemon"},
                          .group = 1234,
                          .std_out = PIPE,
                          .user = 12345};
    if (::geteuid() != 0) {
        CHECK_THROWS_AS(run({"id"}, options), PermissionError);
        return;
    }

    CHECK(run("id -u; id -g; id -G", {.extra_groups = options.extra_groups,
                                      .group = options.group,
                                      .shell = true,
                                      .std_out = PIPE,
                                      .user = options.user})
              .std_out == "12345\n1234\n1234 1 4321\n");
    CHECK(run({"id", "-un"}, {.std_out = PIPE, .user = "nobody"}).std_out == "nobody\n");
}

TEST_CASE("run: a user, or a group, that can't be is a ValueError") {
    CHECK_THROWS_AS(run({"id"}, {.user = "no-such-user"}), ValueError);
    CHECK_THROWS_AS(run({"id"}, {.group = -1}), ValueError);
    CHECK_THROWS_AS(run({"id"}, {.extra_groups = std::vector<Identity>{"no-such-group"}}),
                    ValueError);
}

TEST_CASE("run: at the limit the child is killed and reaped, and what came is kept") {
    const auto start = std::chrono::steady_clock::now();
    try {
        run("echo hi; sleep 100 & wait",
            {.capture_output = true, .shell = true, .timeout = 300ms});
        FAIL("a child that sleeps on ended");
    } catch (const TimeoutExpired& error) {
        CHECK(error.output() == "hi\n");
        CHECK(error.timeout() == 300ms);
    }

    CHECK(std::chrono::steady_clock::now() - start < 50s);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE("run: output without end stops at the limit") {
    try {
        run({CHILDREN "/child.flood", "-1", "1"},
            {.capture_output = true, .timeout = 20ms});
        FAIL("a flood ended");
    } catch (const TimeoutExpired& error) {
        CHECK_FALSE(error.output().empty());
    }
}

TEST_CASE(
    "run: bad commands and contradictions are ValueErrors, and nothing is started") {
    CHECK_THROWS_AS(run(Args{}), ValueError);
    CHECK_THROWS_AS(run({}), ValueError);
    CHECK_THROWS_AS(run(""), ValueError);
    CHECK_THROWS_AS(run(std::string{"a\0b", 3}), ValueError);
    CHECK_THROWS_AS(run("cat", {.input = "x", .std_in = PIPE}), ValueError);
    CHECK_THROWS_AS(run("cat", {.capture_output = true, .std_out = DEVNULL}), ValueError);
}

TEST_CASE("call: it returns the code, and the child writes where the caller does") {
    CHECK(call({CHILDREN "/child.exit_with", "5"}) == 5);
    CHECK(call({CHILDREN "/child.kill_itself", "15"}) == -15);
}

TEST_CASE("call: pipes that nobody reads do not stall the child") {
    CHECK(call({CHILDREN "/child.flood", "1000000", "1"}, {.std_out = PIPE}) == 0);
}

TEST_CASE("check_call: 0, or an exception") {
    CHECK(check_call({CHILDREN "/child.noop"}) == 0);
    CHECK_THROWS_AS(check_call({CHILDREN "/child.exit_with", "1"}), CalledProcessError);
}

TEST_CASE("check_output: the bytes unchanged, or an exception with them") {
    CHECK(check_output({"printf", "a\\r\\n\\n"}) == "a\r\n\n");
    CHECK(check_output({CHILDREN "/child.copy_input"}, {.input = "in"}) == "in");
    try {
        check_output("echo out; false", {.shell = true});
        FAIL("a failure passed for a success");
    } catch (const CalledProcessError& error) {
        CHECK(error.output() == "out\n");
    }
}

TEST_CASE("check_output: the options that it sets itself are refused") {
    CHECK_THROWS_AS(check_output("date", {.std_out = PIPE}), ValueError);
    CHECK_THROWS_AS(check_output("date", {.capture_output = true}), ValueError);
}

TEST_CASE("getstatusoutput: the code, and output and errors without one last newline") {
    CHECK(getstatusoutput("echo hi") == StatusOutput{0, "hi"});
    CHECK(getstatusoutput("printf 'a\\n\\n'") == StatusOutput{0, "a\n"});
    CHECK(getstatusoutput("echo a; echo b >&2; exit 3") == StatusOutput{3, "a\nb"});
    CHECK(getstatusoutput("kill -9 $$") == StatusOutput{-9, ""});
    CHECK(getstatusoutput("") == StatusOutput{0, ""});
}

TEST_CASE("getoutput: the output alone, newlines translated") {
    CHECK(getoutput("echo hi") == "hi");
    CHECK(getoutput("printf 'a\\r\\nb\\r\\n'") == "a\nb");
    CHECK(getoutput("true").empty());
    CHECK_THAT(getoutput("no-such-command"), test::Contains("no-such-command"));
}

TEST_CASE("getoutput: a script with an embedded NUL is a ValueError") {
    CHECK_THROWS_AS(getoutput(std::string_view{"a\0b", 3}), ValueError);
}
