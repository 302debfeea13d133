// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/popen_forkserver.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing;
using namespace std::chrono_literals;
using detail::ServerLink;

namespace {

constexpr int right = 42;

int global = 1;

void exit_with(int code) {
    throw SystemExit{code};
}

void sleep_for_ever() {
    for (;;) ::pause();
}

/// Runs `body` in a program of its own that has a fork server, and returns what it says.
template <class Body>
std::string told_with_server(Body body) {
    return test::told_by_forked([&body] {
        set_start_method("forkserver");
        std::string text;
        try {
            text = body();
        } catch (const std::exception& error) {
            text = error.what();
        }
        ServerLink::here().stop();
        return text;
    });
}

template <class... Args>
std::string exitcode_of(Args... args) {
    Process process(args...);
    process.start();
    process.join();
    return process.exitcode() ? std::to_string(*process.exitcode()) : "none";
}

struct Point {
    int x = 0;
    std::string label;
};

class Worker : public Process {
public:
    void run() override {}
};

}  // namespace

TEST_CASE("By the server: functions, lambdas and what they are given") {
    CHECK(told_with_server([] { return exitcode_of(exit_with, 7); }) == "7");
    CHECK(told_with_server([] {
              return exitcode_of(
                  [](const Point& point, const std::vector<int>& more, const char* text) {
                      const bool is_right = point.label == "label" && more.size() == 3 &&
                                            std::string{text} == "text";
                      exit_with(is_right ? point.x : 1);
                  },
                  Point{right, "label"}, std::vector{1, 2, 3}, "text");
          }) == "42");
    CHECK(told_with_server([] { return exitcode_of(); }) == "0");
}

TEST_CASE("By the server: arguments of many megabytes arrive whole") {
    constexpr std::size_t size = 32U << 20U;

    CHECK(told_with_server([] {
              const std::string text(size, 'x');
              return exitcode_of(
                  [](const std::string& its) {
                      exit_with(its == std::string(size, 'x') ? right : 1);
                  },
                  text);
          }) == "42");
}

TEST_CASE("By the server: the child sees the program as it was at set_start_method") {
    CHECK(told_with_server([] {
              global = 2;
              return exitcode_of([] { exit_with(global); });
          }) == "1");
}

TEST_CASE("By the server: the child starts where its parent is at the start") {
    CHECK(told_with_server([] {
              if (::chdir("/") != 0) return std::string{"chdir"};
              return exitcode_of(
                  [] { exit_with(ServerLink::current_directory() == "/" ? right : 1); });
          }) == "42");
}

TEST_CASE("By the server: the ends of a process are as after a fork") {
    CHECK(told_with_server([] { return exitcode_of([] { ::raise(SIGKILL); }); }) == "-9");
    CHECK(told_with_server([] { return exitcode_of([] { std::abort(); }); }) == "-6");
    CHECK(told_with_server([] { return exitcode_of([] { ::_exit(9); }); }) == "9");
#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
    CHECK(told_with_server([] { return exitcode_of([] { std::exit(5); }); }) == "1");
#else
    CHECK(told_with_server([] { return exitcode_of([] { std::exit(5); }); }) == "5");
#endif
}

TEST_CASE("By the server: an exception is reported under the child's name") {
    test::Redirected err{STDERR_FILENO};

    const std::string code = told_with_server([] {
        return exitcode_of(ProcessOptions{.name = "worker"},
                           [] { throw std::out_of_range{"no such index"}; });
    });

    CHECK(code == "1");
    CHECK(err.text() == "Process worker:\nstd::out_of_range: no such index\n");
}

TEST_CASE(
    "By the server: output comes once, and the program's exit handlers do not run") {
    std::cout.flush();
    test::Redirected out{STDOUT_FILENO};

    const std::string code = told_with_server([] {
        std::cout << "parent, ";
        std::string text = exitcode_of([] {
            std::cout << "child";
            std::exit(0);
        });
        std::cout.flush();
        return text;
    });

    CHECK(code != "none");
    CHECK(out.text() == "parent, child");
}

TEST_CASE(
    "By the server: the child knows its name, parent and daemon, and has children") {
    CHECK(told_with_server([] {
              return exitcode_of(ProcessOptions{.daemon = true, .name = "mine"}, [] {
                  auto parent = parent_process();
                  const bool is_right =
                      current_process().name() == "mine" && current_process().daemon() &&
                      parent->name() == "MainProcess" && parent->is_alive() &&
                      !parent->join(1ms) && !current_process().exitcode();
                  exit_with(is_right ? right : 1);
              });
          }) == "42");
    CHECK(told_with_server([] {
              return exitcode_of([] {
                  const std::string its = exitcode_of([] {
                      const bool is_right = parent_process()->name().ends_with("-1") &&
                                            current_process().name().ends_with("-1:1") &&
                                            get_start_method() == "forkserver";
                      exit_with(is_right ? right : 1);
                  });
                  exit_with(std::stoi(its));
              });
          }) == "42");
}

TEST_CASE("By the server: processes can be waited for, signalled and told apart") {
    CHECK(told_with_server([]() -> std::string {
              Process process(sleep_for_ever);
              process.start();
              if (process.join(0s) || !process.is_alive()) return "not alive";
              if (test::is_ready(process.sentinel())) return "ready too early";
              if (active_children().size() != 1) return "not active";
              process.terminate();
              if (!test::is_ready(process.sentinel(), 10'000)) return "not ready";
              process.join();
              if (!active_children().empty()) return "still active";
              process.terminate();
              const auto code = process.exitcode();
              process.close();
              return std::to_string(code.value_or(0));
          }) == "-15");
}

TEST_CASE("By the server: a program's daemons and children are looked after at its end") {
    const test::Channel channel;
    const int code = test::forked([&channel] {
        set_start_method("forkserver");
        Process daemon({.daemon = true}, sleep_for_ever);
        daemon.start();
        channel.tell(std::to_string(*daemon.pid()));
        std::exit(right);
        return 0;
    });

    CHECK(code == right);
    CHECK(::kill(std::stoi(channel.hear()), 0) == -1);
}

TEST_CASE("By the server: what can't be sent is refused, and may be started by fork") {
    CHECK(told_with_server([] {
              int n = 0;
              Process process([&n] { exit_with(n + 5); });
              try {
                  process.start();
                  return std::string{"started"};
              } catch (const std::logic_error&) {
              }
              set_start_method("fork", true);
              process.start();
              process.join();
              return std::to_string(process.exitcode().value_or(-1));
          }) == "5");
    CHECK_THAT(
        told_with_server([] {
            Worker worker;
            worker.start();
            return std::string{};
        }),
        test::Contains("cannot start an object of class Worker by the fork server"));
}

TEST_CASE(
    "By the server: a child that is killed before it has said a word is no zombie") {
    const auto forks = detail::make_shared_state<std::atomic<int>>(0);

    const int code = test::forked([&] {
        register_at_fork(nullptr, nullptr, [&] {
            if (++*forks == 2) ::kill(::getpid(), SIGKILL);  // the first is the server
        });
        set_start_method("forkserver");
        const std::string ends = exitcode_of(exit_with, right);
        const std::string next = exitcode_of(exit_with, right);
        ServerLink::here().stop();
        const bool has_child = ::waitpid(-1, nullptr, WNOHANG) != -1;
        if (ends != "-9") return 1;
        if (next != "42") return 2;
        return has_child ? 3 : 0;
    });

    CHECK(code == 0);
}

TEST_CASE("By the server: threads may start processes at once") {
    CHECK(told_with_server([] {
              std::vector<std::thread> threads;
              std::vector<std::string> codes(4);
              for (std::size_t i = 0; i < codes.size(); ++i) {
                  threads.emplace_back([&codes, i] {
                      for (int n = 0; n < 10; ++n) {
                          codes[i] = exitcode_of(exit_with, static_cast<int>(i));
                      }
                  });
              }
              for (std::thread& thread : threads) thread.join();
              return codes[0] + codes[1] + codes[2] + codes[3];
          }) == "0123");
}
