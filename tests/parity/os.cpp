// SPDX-License-Identifier: BSL-1.0
// Answers questions about os and signals. Each question is a Python expression, and its
// answer the repr of what the same call of ours gives, or the error; one a line, with a
// tab between. tests/parity/test_os.py puts the same questions to Python, in this order.

#include "pyproc/os.hpp"

#include <cerrno>
#include <iostream>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/repr.hpp"
#include "pyproc/signals.hpp"

using namespace pyproc;
using namespace std::string_literals;
using namespace std::string_view_literals;

namespace {

template <class T>
std::string shown(const T& value) {
    return repr(value);
}

template <class T>
std::string shown(const std::optional<T>& value) {
    return value ? repr(*value) : "None";
}

std::string shown(const std::set<int>& numbers) {
    return repr(std::vector<int>{numbers.begin(), numbers.end()});
}

std::string name_of(const OSError& error) {
    if (dynamic_cast<const FileNotFoundError*>(&error)) return "FileNotFoundError";
    if (dynamic_cast<const PermissionError*>(&error)) return "PermissionError";
    if (dynamic_cast<const NotADirectoryError*>(&error)) return "NotADirectoryError";
    if (dynamic_cast<const ProcessLookupError*>(&error)) return "ProcessLookupError";
    if (dynamic_cast<const ChildProcessError*>(&error)) return "ChildProcessError";
    return "OSError";
}

/// As `answer` in test_os.py writes an exception.
std::string shown_error(const OSError& error) {
    return name_of(error) + " " + std::to_string(error.code().value()) + " " +
           error.filename();
}

/// Asks one question. What the call returns is shown, if it returns anything.
template <class Call>
void ask(std::string_view question, Call call) {
    std::string answer = "None";
    try {
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
        } else {
            answer = shown(call());
        }
    } catch (const OSError& error) {
        answer = shown_error(error);
    } catch (const ValueError&) {
        answer = "ValueError";
    }
    std::cout << question << '\t' << answer << std::endl;
}

pid_t child_that_exits(int code) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(code);
    return child;
}

pid_t child_that_is_killed(int signal) {
    const pid_t child = ::fork();
    if (child == 0) {
        for (;;) ::pause();
    }
    os::kill(child, signal);
    return child;
}

void ask_about_identity() {
    ask("os.getppid()", [] { return os::getppid(); });
    ask("os.getuid()", [] { return os::getuid(); });
    ask("os.geteuid()", [] { return os::geteuid(); });
    ask("os.getgid()", [] { return os::getgid(); });
    ask("os.getegid()", [] { return os::getegid(); });
    ask("os.getgroups()", [] { return os::getgroups(); });
    ask("os.getpgrp() == os.getpid()", [] { return os::getpgrp() == os::getpid(); });
    ask("os.getsid(0) == os.getpid()", [] { return os::getsid(0) == os::getpid(); });
    ask("os.getpgid(os.getppid())", [] { return os::getpgid(os::getppid()); });
    ask("os.getpgid(4194305)", [] { return os::getpgid(4194305); });
    ask("os.getpgid(-1)", [] { return os::getpgid(-1); });
    ask("os.getsid(4194305)", [] { return os::getsid(4194305); });
    ask("os.setpgid(4194305, 0)", [] { os::setpgid(4194305, 0); });
    ask("os.setpgid(0, -1)", [] { os::setpgid(0, -1); });
    ask("os.setpgid(os.getppid(), 0)", [] { os::setpgid(os::getppid(), 0); });
}

void ask_about_sessions() {
    ask("os.setpgid(0, 0)", [] { os::setpgid(0, 0); });
    ask("os.getpgrp() == os.getpid()", [] { return os::getpgrp() == os::getpid(); });
    ask("os.setsid()", [] { os::setsid(); });
    ask("os.setpgid(0, os.getppid())", [] { os::setpgid(0, os::getppid()); });
}

void ask_about_the_working_directory() {
    ask("os.getcwd()", [] { return os::getcwd(); });
    ask("os.chdir('')", [] { os::chdir(""); });
    ask("os.chdir('/no/such')", [] { os::chdir("/no/such"); });
    ask("os.chdir('/dev/null')", [] { os::chdir("/dev/null"); });
    ask("os.chdir('/\\0')", [] { os::chdir("/\0"sv); });
    ask("os.chdir('/proc/1/cwd/x')", [] { os::chdir("/proc/1/cwd/x"); });
    ask("os.chdir(99)", [] { os::chdir(99); });
    ask("os.chdir('x' * 5000)", [] { os::chdir(std::string(5000, 'x')); });
    ask("os.getcwd()", [] { return os::getcwd(); });
    ask("os.chdir('/')", [] { os::chdir("/"); });
    ask("os.getcwd()", [] { return os::getcwd(); });
    ask("os.umask(0o70123)", [] { return os::umask(070123); });
    ask("os.umask(0o22)", [] { return os::umask(022); });
}

void ask_about_the_environment() {
    const auto items = [] {
        const auto all = os::environ();
        return std::vector<std::pair<std::string, std::string>>{all.begin(), all.end()};
    };
    // Sorted by their bytes, as ours are: Python's order of text differs for surrogates.
    ask("sorted(os.environ.items(), key=lambda item: os.fsencode(item[0]))", items);
    ask("os.getenv('HOME')", [] { return os::getenv("HOME"); });
    ask("os.getenv('EMPTY')", [] { return os::getenv("EMPTY"); });
    ask("os.getenv('EQUALS=a')", [] { return os::getenv("EQUALS=a"); });
    ask("os.getenv('NOT THERE')", [] { return os::getenv("NOT THERE"); });
    ask("os.getenv('NOT THERE', 'x')", [] { return os::getenv("NOT THERE", "x"); });
    ask("os.getenv('')", [] { return os::getenv(""); });
    ask("os.getenv('', 'x')", [] { return os::getenv("", "x"); });
    ask("os.getenv('A\\0', 'x')", [] { return os::getenv("A\0"s, "x"); });
    ask("os.environ.__setitem__('NEW', 'a=b')", [] { os::setenv("NEW", "a=b"); });
    ask("os.getenv('NEW')", [] { return os::getenv("NEW"); });
    ask("os.environ.__setitem__('', 'x')", [] { os::setenv("", "x"); });
    ask("os.environ.__setitem__('a=b', 'x')", [] { os::setenv("a=b", "x"); });
    ask("os.environ.__setitem__('=b', 'x')", [] { os::setenv("=b", "x"); });
    ask("os.environ.__setitem__('a\\0', 'x')", [] { os::setenv("a\0"s, "x"); });
    ask("os.environ.__setitem__('a', 'x\\0')", [] { os::setenv("a", "x\0"s); });
    ask("os.putenv('', 'x')", [] { os::setenv("", "x"); });
    ask("os.putenv('=', 'x')", [] { os::setenv("=", "x"); });
    ask("os.unsetenv('')", [] { os::unsetenv(""); });
    ask("os.unsetenv('a=b')", [] { os::unsetenv("a=b"); });
    ask("os.unsetenv('a\\0')", [] { os::unsetenv("a\0"s); });
    ask("os.unsetenv('NOT THERE')", [] { os::unsetenv("NOT THERE"); });
}

void ask_about_affinity() {
    ask("len(os.sched_getaffinity(0))", [] { return os::process_cpu_count(); });
    ask("sorted(os.sched_getaffinity(0))", [] { return os::sched_getaffinity(0); });
    ask("sorted(os.sched_getaffinity(os.getppid()))",
        [] { return os::sched_getaffinity(os::getppid()); });
    ask("os.sched_getaffinity(4194305)", [] { return os::sched_getaffinity(4194305); });
    ask("os.sched_getaffinity(-1)", [] { return os::sched_getaffinity(-1); });
    ask("os.sched_setaffinity(0, [])", [] { os::sched_setaffinity(0, {}); });
    ask("os.sched_setaffinity(0, [-1])", [] { os::sched_setaffinity(0, {-1}); });
    ask("os.sched_setaffinity(0, [100000])", [] { os::sched_setaffinity(0, {100000}); });
    ask("os.sched_setaffinity(4194305, [0])",
        [] { os::sched_setaffinity(4194305, {0}); });
    ask("os.sched_setaffinity(0, [min(os.sched_getaffinity(0)), 100000])", [] {
        os::sched_setaffinity(0, {*os::sched_getaffinity(0).begin(), 100000});
    });
    ask("sorted(os.sched_getaffinity(0))", [] { return os::sched_getaffinity(0); });
}

void ask_about_scheduling() {
    // Built for POSIX alone we have no affinity, and Python has.
    posix::platform::CpuMask mask;
    if (posix::platform::get_cpu_affinity(0, mask) != ENOSYS) ask_about_affinity();
    ask("os.cpu_count()", [] { return os::cpu_count(); });
    ask("len(os.getloadavg())", [] { return os::getloadavg().size(); });
    ask("os.nice(0)", [] { return os::nice(0); });
    ask("os.nice(3)", [] { return os::nice(3); });
    ask("os.nice(-1)", [] { return os::nice(-1); });
    ask("os.nice(-4 - os.nice(0))", [] { return os::nice(-4 - os::nice(0)); });
    ask("os.nice(100)", [] { return os::nice(100); });
}

void ask_about_signals() {
    ask("os.kill(os.getpid(), 0)", [] { os::kill(os::getpid(), 0); });
    ask("os.kill(os.getpid(), 99)", [] { os::kill(os::getpid(), 99); });
    ask("os.kill(os.getpid(), -1)", [] { os::kill(os::getpid(), -1); });
    ask("os.kill(4194305, 15)", [] { os::kill(4194305, 15); });
    ask("os.kill(1, 0)", [] { os::kill(1, 0); });
    ask("os.killpg(4194305, 15)", [] { os::killpg(4194305, 15); });
    ask("os.killpg(-5, 0)", [] { os::killpg(-5, 0); });
    ask("os.killpg(0, 0)", [] { os::killpg(0, 0); });
    for (int number = 0; number <= 65; ++number) {
        const std::string n = std::to_string(number);
        ask("name_of_signal(" + n + ")", [=] { return signal_name(number); });
        ask("describe_signal(" + n + ")", [=] { return describe_signal(number); });
    }
    for (const std::string name :
         {"SIGIOT", "SIGCLD", "SIGPOLL", "SIGRTMAX", "SIGTERM"}) {
        ask("signal.Signals['" + name + "'].value", [=] { return signal_number(name); });
    }
}

void ask_about_pidfds() {
    if (posix::platform::pidfd_open(::getpid()).code() == ENOSYS) return;
    ask("os.pidfd_open(4194305)", [] { return os::pidfd_open(4194305); });
    ask("os.pidfd_open(-1)", [] { return os::pidfd_open(-1); });
    ask("os.pidfd_open(os.getpid(), 99)",
        [] { return os::pidfd_open(os::getpid(), 99); });
}

void ask_about_waiting() {
    ask("os.waitpid(-1, 0)", [] { return os::waitpid(-1, 0).pid; });
    ask("os.waitpid(os.getppid(), 0)", [] { return os::waitpid(os::getppid(), 0).pid; });
    ask("os.waitpid(-1, 12345678)", [] { return os::waitpid(-1, 12345678).pid; });
    ask("os.wait4(-1, 0)", [] { return os::wait4(-1, 0).pid; });
    ask("os.waitpid(child_that_exits(7), 0)[1]",
        [] { return os::waitpid(child_that_exits(7), 0).status; });
    ask("os.waitpid(child_that_is_killed(9), 0)[1]",
        [] { return os::waitpid(child_that_is_killed(9), 0).status; });
    ask("os.wait4(child_that_exits(7), 0)[1]",
        [] { return os::wait4(child_that_exits(7), 0).status; });
    ask("os.wait4(child_that_exits(7), 0)[2].ru_maxrss > 0",
        [] { return os::wait4(child_that_exits(7), 0).rusage.ru_maxrss > 0; });
    for (const int status : {0, 0x100, 0xff00, 9, 0x89, 0x7f, 0x137f, 0xffff, -1, 0x10000,
                             0x80, 0xff7f, 0x100ff, 0x7fffffff}) {
        ask("os.waitstatus_to_exitcode(" + std::to_string(status) + ")",
            [=] { return os::waitstatus_to_exitcode(status); });
    }
    ask("resource.getrusage(0).ru_maxrss > 0",
        [] { return os::getrusage(RUSAGE_SELF).ru_maxrss > 0; });
    ask("resource.getrusage(77)", [] { return os::getrusage(77).ru_maxrss; });
}

}  // namespace

int main() {
    ask_about_identity();
    ask_about_the_working_directory();
    ask_about_the_environment();
    ask_about_scheduling();
    ask_about_signals();
    ask_about_waiting();
    ask_about_pidfds();
    ask_about_sessions();
}
