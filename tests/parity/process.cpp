// SPDX-License-Identifier: BSL-1.0
// The C++ twin of process.py: the same scenarios under the same names. Those at the end
// are about what Python does not have.

#include <pyproc/multiprocessing.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <thread>

#include <pthread.h>
#include <unistd.h>

#include <pyproc/errors.hpp>
#include <pyproc/posix/pipe.hpp>
#include <pyproc/repr.hpp>

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;

namespace {

void say(const std::string& text) {
    std::cout << text << '\n';
}

void say_now(const std::string& text) {
    std::cout << text << '\n' << std::flush;
}

std::string to_text(bool value) {
    return value ? "True" : "False";
}

std::string to_text(std::optional<int> value) {
    return value ? std::to_string(*value) : "None";
}

template <class... Args>
std::string exitcode_of(Args&&... args) {
    Process process(std::forward<Args>(args)...);
    process.start();
    process.join();
    return to_text(process.exitcode());
}

Process started_sleeper(bool is_daemon = false) {
    const auto ready = pyproc::posix::make_pipe().or_throw("pipe");
    char byte = 0;
    Process process({.daemon = is_daemon}, [&ready] {
        static_cast<void>(::write(ready.write_end.get(), "!", 1) == 1);
        for (;;) ::pause();
    });
    process.start();
    static_cast<void>(::read(ready.read_end.get(), &byte, 1) == 1);
    return process;
}

template <class Use>
void error_of(Use use) {
    try {
        use();
        say("no error");
    } catch (const std::logic_error& error) {
        say(error.what());
    }
}

template <class... Args>
void leave(Args... args) {
    throw SystemExit(args...);
}

void fail(const char* what) {
    throw pyproc::ValueError{what};
}

void fail_again() {
    try {
        fail("bad value");
    } catch (const pyproc::ValueError&) {
        std::throw_with_nested(pyproc::ValueError{"worse"});
    }
}

void exit_codes() {
    say(exitcode_of(say, "returns"));
    say(exitcode_of(leave<>));
    for (const int code : {0, 3, 256 + 3, -1}) say(exitcode_of(leave<int>, code));
    say(exitcode_of(leave<const char*>, "a message"));
    say(exitcode_of(leave<const char*>, ""));
    say(exitcode_of([] { ::_exit(7); }));
}

void exceptions() {
    say(exitcode_of(fail, "bad value"));
    say(exitcode_of(ProcessOptions{.name = "worker"}, fail, "bad value"));
    say(exitcode_of(fail, ""));
    say(exitcode_of(fail_again));
}

void say_name(int depth) {
    say_now(current_process().name() + ' ' + to_text(current_process().daemon()));
    for (int i = 0; i < depth; ++i) exitcode_of(say_name, depth - 1);
}

void names() {
    say_name(0);
    exitcode_of(say_name, 0);
    exitcode_of(say_name, 2);
    exitcode_of(ProcessOptions{.name = "given"}, say_name, 1);
    exitcode_of(ProcessOptions{.daemon = true}, say_name, 0);
    const Process unstarted;
    say(Process{}.name());
}

void say_parent(int depth) {
    if (auto parent = parent_process()) {
        say_now(parent->name() + ' ' + to_text(parent->pid() == ::getpid()) + ' ' +
                to_text(parent->is_alive()) + ' ' + to_text(parent->exitcode()));
        parent->join(0s);
    } else {
        say_now("no parent");
    }
    if (depth == 0) return;
    exitcode_of(say_parent, depth - 1);
    exitcode_of(ProcessOptions{.name = "given"}, say_parent, 0);
}

void parents() {
    current_process().set_name("renamed");
    say_parent(2);
}

void error_of_setting(const char* method, bool force = false) {
    try {
        set_start_method(method, force);
        say(get_start_method());
    } catch (const std::exception& error) {
        say(error.what());
    }
}

void start_methods() {
    error_of_setting("nothing");
    error_of_setting("forkserver");
    error_of_setting("fork");
    error_of_setting("nothing");
    error_of_setting("fork", true);
}

void starting_sets_the_method() {
    exitcode_of(say, "child");
    error_of_setting("forkserver");
    say(get_start_method());
}

std::string heard;

void hear(const std::string& text) {
    heard += (heard.empty() ? "" : ", ") + text;
}

void say_heard() {
    say_now(heard);
}

void at_fork() {
    for (const std::string name : {"1", "2"}) {
        register_at_fork([name] { say_now("before " + name); },
                         [name] { hear("parent " + name); },
                         [name] { hear("child " + name); });
    }
    exitcode_of(say_heard);
    say_heard();
}

void daemon_is_terminated_at_exit() {
    started_sleeper(true);
    say("main ends");
}

void say_late(const std::string& text) {
    std::this_thread::sleep_for(200ms);
    say(text);
}

void others_are_joined_at_exit() {
    Process(say_late, "child ends").start();
    say_now("main ends");
}

void others_are_joined_by_exit() {
    Process(say_late, "child ends").start();
    say_now("main ends");
    std::exit(4);
}

void parent_of_two() {
    started_sleeper(true);
    Process(say_late, "grandchild ends").start();
    say_now("child ends");
}

void childrens_children_are_joined() {
    say(exitcode_of(parent_of_two));
}

void write_error_late() {
    std::this_thread::sleep_for(200ms);
    std::cerr << "grandchild\n";
}

void failing_parent() {
    Process(write_error_late).start();
    fail("reported after the children have ended");
}

void failure_is_reported_last() {
    say(exitcode_of(failing_parent));
}

void start_child() {
    error_of([] { exitcode_of(say, "not reached"); });
}

void misuse() {
    Process process(say, "runs once");
    error_of([&] { process.join(); });
    exitcode_of([&] {
        error_of([&] { process.start(); });
        error_of([&] { process.join(); });
    });
    process.start();
    error_of([&] { process.start(); });
    process.join();
    error_of([&] { process.start(); });
    error_of([&] { process.set_daemon(true); });
    process.close();
    error_of([&] { process.start(); });
    error_of([&] { process.join(); });
    error_of([&] { static_cast<void>(process.is_alive()); });
    process.close();
    error_of([] { current_process().join(); });
    error_of([] { static_cast<void>(Process{}.sentinel()); });
    exitcode_of(ProcessOptions{.daemon = true}, start_child);
    Process sleeper = started_sleeper();
    error_of([&] { sleeper.close(); });
    sleeper.kill();
    sleeper.join();
    error_of([&] { sleeper.close(); });
}

void look(const Process& process) {
    say(to_text(!process.pid()) + ' ' + to_text(process.is_alive()) + ' ' +
        to_text(process.exitcode()) + ' ' + std::to_string(active_children().size()));
}

void states() {
    look(Process{});
    Process first = started_sleeper();
    Process second = started_sleeper();
    look(first);
    first.terminate();
    first.join();
    look(first);
    second.kill();
    second.join();
    look(second);
    second.kill();
    look(current_process());
}

void output_is_not_doubled() {
    std::cout << "parent, ";
    for (int i = 0; i < 3; ++i) {
        exitcode_of(say, "child");
        std::cout << "again, ";
    }
    say("end");
}

void say_input() {
    std::string line;
    std::getline(std::cin, line);
    if (!std::cin.eof()) line += '\n';
    say(pyproc::repr(line));
}

void input_is_the_parents() {
    exitcode_of(say_input);
    say_input();
    exitcode_of(say_input);
    say_input();
}

void exit_handlers_run_once() {
    std::atexit([] { say_now("handler"); });
    say(exitcode_of(say, "returns"));
    say(exitcode_of(leave<int>, 2));
    // 1 is what is left of any status where a C library tells it to no handler.
    say(exitcode_of([] { std::exit(1); }));
    say("main ends");
}

// From here on C++ alone.

/// An object with static storage that works with processes when it is destroyed.
struct Late {
    ~Late() {
        say_now(std::to_string(active_children().size()) + " left");
        say_now(exitcode_of(say, "started by a destructor"));
        Process(say_late, "joined all the same").start();
    }
};

void destructors_may_use_processes() {
    static const Late late;  // before the first start, so destroyed after the handler ran
    Process(say_late, "child ends").start();
    say_now("main ends");
}

/// The destructors of these run in the program that made them alone.
void destructors_run_once() {
    struct Noisy {
        ~Noisy() { say_now(std::string{"destructor of the "} + whose); }
        const char* whose;
    };
    static const Noisy parents{"parent"};
    Noisy automatic{"parent's stack"};
    say(exitcode_of([] { say("returns"); }));
    say(exitcode_of([] { std::exit(1); }));
    say(exitcode_of([] {
        static const Noisy childs{"child"};
        std::exit(1);
    }));
}

void threads_that_end_end_the_process() {
    say(exitcode_of([] {
        say("exits its thread");
        ::pthread_exit(nullptr);
    }));
}

const std::map<std::string, void (*)()> scenarios{
    {"exit_codes", exit_codes},
    {"exceptions", exceptions},
    {"names", names},
    {"parents", parents},
    {"start_methods", start_methods},
    {"starting_sets_the_method", starting_sets_the_method},
    {"at_fork", at_fork},
    {"daemon_is_terminated_at_exit", daemon_is_terminated_at_exit},
    {"others_are_joined_at_exit", others_are_joined_at_exit},
    {"others_are_joined_by_exit", others_are_joined_by_exit},
    {"childrens_children_are_joined", childrens_children_are_joined},
    {"failure_is_reported_last", failure_is_reported_last},
    {"misuse", misuse},
    {"states", states},
    {"output_is_not_doubled", output_is_not_doubled},
    {"input_is_the_parents", input_is_the_parents},
    {"exit_handlers_run_once", exit_handlers_run_once},
    {"destructors_may_use_processes", destructors_may_use_processes},
    {"destructors_run_once", destructors_run_once},
    {"threads_that_end_end_the_process", threads_that_end_end_the_process},
};

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 2 || argc > 3 || !scenarios.contains(argv[1])) {
        std::cerr << "usage: parity.process SCENARIO [START_METHOD]\n";
        return 2;
    }
    if (argc == 3) set_start_method(argv[2]);
    scenarios.at(argv[1])();
} catch (const std::exception& error) {
    std::cerr << "parity.process: " << error.what() << '\n';
    return EXIT_FAILURE;
}
