// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/process.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>

#include "pyproc/asyncio/run.hpp"
#include "pyproc/posix/platform.hpp"
#include "support/asio.hpp"
#include "support/descriptors.hpp"
#include "support/killing.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using namespace boost::asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using asio::awaitable;
using asio::cancellation_type;

namespace {

// The first that stands for none opens three descriptors, once.
const Process none;

constexpr const char* copy_input = CHILDREN "/child.copy_input";
constexpr const char* ignore_signal = CHILDREN "/child.ignore_signal";
constexpr const char* write_and_wait = CHILDREN "/child.write_and_wait";

Process started(asio::io_context& context, const Args& args, const Options& options) {
    return Process::start(context.get_executor(), args, options);
}

/// A child that lives until its standard input ends.
Process waiting_child(asio::io_context& context) {
    return started(context, {write_and_wait}, {.std_in = PIPE});
}

/// A child that ignores a signal, and does so by now.
Process stubborn_child(asio::io_context& context, int signal) {
    Process child = started(context, {ignore_signal, std::to_string(signal)},
                            {.std_in = PIPE, .std_out = PIPE});
    char ready[6];
    asio::read(child.std_out, asio::buffer(ready));
    return child;
}

/// What a `wait` or another operation came to.
struct Outcome {
    int count = 0;
    error_code code = {};
    int returncode = 0;
};

auto into(Outcome& outcome) {
    return [&outcome](error_code code, int returncode) {
        ++outcome.count;
        outcome.code = code;
        outcome.returncode = returncode;
    };
}

std::ptrdiff_t count_threads() {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/task"}, {});
}

/// What this process has in memory.
long resident_kilobytes() {
    std::ifstream status{"/proc/self/status"};
    std::string word;
    while (status >> word && word != "VmRSS:") {
    }
    long size = -1;
    status >> size;
    return size;
}

/// Whether this process has a child, reaped or not.
bool has_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// What a cancelled `wait` for a child that does not end by itself came to.
Outcome cancelled(cancellation_type type) {
    asio::io_context context;
    Process child = waiting_child(context);
    asio::cancellation_signal cancel;
    Outcome outcome;
    child.wait(asio::bind_cancellation_slot(cancel.slot(), into(outcome)));
    cancel.emit(type);
    context.run();
    return outcome;
}

}  // namespace

TEST_CASE("wait: it gives the exit code, or minus the signal") {
    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        Process ended = Process::start(executor, {CHILDREN "/child.exit_with", "7"}, {});
        Process killed =
            Process::start(executor, {CHILDREN "/child.kill_itself", "15"}, {});

        const int code = co_await ended.wait();
        const int signal = co_await killed.wait();

        CHECK(code == 7);
        CHECK(signal == -SIGTERM);
        CHECK(ended.returncode() == 7);
        CHECK(co_await ended.wait() == 7);
    }());
}

TEST_CASE("wait: it is never complete before the call that began it has returned") {
    asio::io_context context;
    Process child = started(context, {CHILDREN "/child.noop"}, {});
    Outcome first;
    child.wait(into(first));
    context.run();
    REQUIRE(first.count == 1);

    Outcome second;
    child.wait(into(second));
    CHECK(second.count == 0);
    context.restart();
    context.run();

    CHECK(second.count == 1);
    CHECK_FALSE(second.code);
}

TEST_CASE("wait: any number may wait at once, and all get the one true status") {
    asio::io_context context;
    Process child = waiting_child(context);
    Outcome outcomes[5];

    for (Outcome& outcome : outcomes) child.wait(into(outcome));
    child.kill();
    context.run();

    for (const Outcome& outcome : outcomes) {
        CHECK(outcome.count == 1);
        CHECK_FALSE(outcome.code);
        CHECK(outcome.returncode == -SIGKILL);
    }
}

TEST_CASE("wait: cancelled, it ends the child as the kind of cancellation says") {
    const auto ended_by = [](cancellation_type type) {
        const Outcome outcome = cancelled(type);
        CHECK(outcome.count == 1);
        CHECK(outcome.code == asio::error::operation_aborted);
        return -outcome.returncode;
    };

    CHECK(ended_by(cancellation_type::terminal) == SIGKILL);
    CHECK(ended_by(cancellation_type::partial) == SIGTERM);
    CHECK(ended_by(cancellation_type::total) == SIGINT);
    CHECK(ended_by(cancellation_type::all) == SIGKILL);
    CHECK(ended_by(cancellation_type::partial | cancellation_type::total) == SIGTERM);
}

TEST_CASE("wait: a child that ignores SIGTERM can be cancelled again, by force") {
    asio::io_context context;
    Process child = stubborn_child(context, SIGTERM);
    asio::cancellation_signal cancel;
    Outcome outcome;
    child.wait(asio::bind_cancellation_slot(cancel.slot(), into(outcome)));

    cancel.emit(cancellation_type::partial);
    context.poll();
    CHECK(outcome.count == 0);
    cancel.emit(cancellation_type::terminal);
    context.run();

    CHECK(outcome.code == asio::error::operation_aborted);
    CHECK(outcome.returncode == -SIGKILL);
}

TEST_CASE("wait: a timeout made of `||` and a timer leaves no child") {
    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        Process child = Process::start(executor, {write_and_wait}, {.std_in = PIPE});
        asio::steady_timer timer{executor, 1ms};

        const auto first =
            co_await (child.wait() || timer.async_wait(asio::use_awaitable));

        CHECK(first.index() == 1);
        CHECK(child.returncode() == -SIGKILL);
    }());
}

TEST_CASE("async_wait: cancelled, it leaves the child alone") {
    asio::io_context context;
    Process child = waiting_child(context);
    asio::cancellation_signal cancel;
    Outcome outcome;
    child.async_wait(asio::bind_cancellation_slot(cancel.slot(), into(outcome)));

    cancel.emit(cancellation_type::total);
    context.run();

    CHECK(outcome.code == asio::error::operation_aborted);
    CHECK_FALSE(child.returncode());
    child.std_in.close();
    context.restart();
    child.async_wait(into(outcome));
    context.run();
    CHECK(outcome.count == 2);
    CHECK(outcome.returncode == 0);
}

TEST_CASE("async_wait: it is cancelled as well while another thread reaps the child") {
    asio::io_context context;
    Process child = waiting_child(context);
    asio::cancellation_signal cancel;
    Outcome outcome;
    Outcome other;
    child.async_wait(asio::bind_cancellation_slot(cancel.slot(), into(outcome)));
    child.wait(into(other));
    // Relaxed, so that it hides no race from a sanitizer.
    std::atomic<bool> is_reaped = false;
    child.kill();
    std::thread reaper{[&] {
        while (!child.returncode()) std::this_thread::yield();
        is_reaped.store(true, std::memory_order_relaxed);
    }};
    while (!is_reaped.load(std::memory_order_relaxed)) std::this_thread::yield();

    cancel.emit(cancellation_type::total);
    reaper.join();
    context.run();

    CHECK(outcome.count == 1);
    CHECK(outcome.returncode == -SIGKILL);
    CHECK(other.count == 1);
    CHECK(other.returncode == -SIGKILL);
}

TEST_CASE("async_wait: cancelled, it leaves the others that wait alone") {
    asio::io_context context;
    Process child = waiting_child(context);
    asio::cancellation_signal cancel;
    Outcome outcome;
    Outcome other;
    child.wait(into(other));
    child.async_wait(asio::bind_cancellation_slot(cancel.slot(), into(outcome)));

    cancel.emit(cancellation_type::terminal);
    while (outcome.count == 0) context.run_one();
    CHECK(outcome.code == asio::error::operation_aborted);
    CHECK(other.count == 0);
    child.std_in.close();
    context.run();

    CHECK_FALSE(other.code);
    CHECK(other.returncode == 0);
}

TEST_CASE("wait: one that was never begun means nothing to the child") {
    asio::io_context context;
    Process child = waiting_child(context);
    Outcome outcome;

    { auto lazy = child.wait(asio::deferred); }
    { auto lazy = child.wait(asio::use_awaitable); }
    child.std_in.close();
    child.wait(into(outcome));
    context.run();

    CHECK(outcome.returncode == 0);
}

TEST_CASE("wait: every kind of completion token will do") {
    asio::io_context context;
    const auto child = [&] {
        return started(context, {CHILDREN "/child.exit_with", "3"}, {});
    };

    Process one = child();
    std::future<int> future = one.wait(asio::use_future);
    context.run();
    CHECK(future.get() == 3);

    Process two = child();
    auto lazy = two.wait(asio::deferred);
    Outcome outcome;
    std::move(lazy)(into(outcome));
    context.restart();
    context.run();
    CHECK(outcome.returncode == 3);

    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        Process three = Process::start(executor, {CHILDREN "/child.exit_with", "3"}, {});
        auto [code, returncode] =
            co_await three.wait(asio::as_tuple(asio::use_awaitable));
        CHECK_FALSE(code);
        CHECK(returncode == 3);
        error_code redirected;
        co_await three.wait(asio::redirect_error(asio::use_awaitable, redirected));
        CHECK_FALSE(redirected);
    }());
}

TEST_CASE("wait, communicate: a token that has a name is copied, and can be used again") {
    asio::io_context context;
    Process one = waiting_child(context);
    Process two = waiting_child(context);
    int ended = 0;
    const std::function<void(error_code, int)> count_const = [&](error_code, int) {
        ++ended;
    };
    auto count = count_const;
    std::function<void(error_code, Output)> count_output =
        [&](error_code, const Output&) { ++ended; };
    const Options options{.std_in = DEVNULL};
    std::function<void(error_code, Process)> count_start = [&](error_code, Process) {
        ++ended;
    };

    one.wait(count);
    one.async_wait(count);
    one.wait(count_const);
    two.communicate(count_output);
    create_subprocess_exec(context, CHILDREN "/child.noop", options, count_start);
    one.kill();
    two.kill();
    context.run();

    CHECK(ended == 5);
    CHECK(count);
    CHECK(count_output);
    CHECK(count_start);
}

TEST_CASE("communicate: asked again, it gives the input of the options no second time") {
    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        const Options options{.input = "once", .std_out = PIPE};
        Process child = Process::start(executor, {copy_input}, options);

        const Output first = co_await child.communicate();
        const Output second = co_await child.communicate();

        CHECK(first.std_out == "once");
        CHECK(second.std_out.empty());
    }());
}

TEST_CASE("returncode: it is known once the child has ended, though nobody waited") {
    asio::io_context context;
    Process child = waiting_child(context);
    CHECK_FALSE(child.returncode());

    child.kill();
    while (!child.returncode()) std::this_thread::yield();

    CHECK(child.returncode() == -SIGKILL);
    CHECK(child.rusage().ru_maxrss > 0);
}

TEST_CASE("send_signal: it reaches the child, and goes nowhere once that is reaped") {
    asio::io_context context;
    Process child = waiting_child(context);
    Outcome outcome;
    child.wait(into(outcome));

    child.terminate();
    context.run();

    CHECK(outcome.returncode == -SIGTERM);
    CHECK_NOTHROW(child.kill());
    CHECK_NOTHROW(Process{}.kill());
    CHECK(Process{context.get_executor()}.pid() == 0);
}

TEST_CASE("Process: destroyed with a running child, it kills it and the loop reaps it") {
    asio::io_context context;
    {
        const Process child = waiting_child(context);
        const Process stubborn = stubborn_child(context, SIGTERM);
    }

    context.run();

    CHECK_FALSE(has_children());
}

TEST_CASE("Process: destroyed while someone waits for it, it aborts that") {
    asio::io_context context;
    Outcome outcome;
    Outcome other;
    {
        Process child = waiting_child(context);
        child.wait(into(outcome));
        child.async_wait(into(other));
        context.poll();
    }

    context.run();

    CHECK(outcome.code == asio::error::operation_aborted);
    CHECK(outcome.returncode == -SIGKILL);
    CHECK(other.code == asio::error::operation_aborted);
}

TEST_CASE("Process: assigned to, it ends the child that it had") {
    asio::io_context context;
    Process child = waiting_child(context);
    const pid_t first = child.pid();

    child = waiting_child(context);

    CHECK(child.pid() != first);
    child.std_in.close();
    Outcome outcome;
    child.wait(into(outcome));
    context.run();
    CHECK(outcome.returncode == 0);
}

TEST_CASE("io_context: destroyed with children running, it leaves none of them") {
    std::optional<asio::io_context> context{std::in_place};
    asio::co_spawn(
        *context,
        []() -> awaitable<void> {
            auto executor = co_await asio::this_coro::executor;
            std::vector<Process> children;
            for (int i = 0; i < 20; ++i) {
                children.push_back(
                    Process::start(executor, {write_and_wait}, {.std_in = PIPE}));
            }
            co_await children[0].wait();
        },
        asio::detached);
    context->poll();
    REQUIRE(has_children());

    context.reset();

    CHECK_FALSE(has_children());
}

TEST_CASE("io_context: stopped, then destroyed behind a Process, it leaves no child") {
    {
        asio::io_context context;
        Process child = waiting_child(context);
        context.stop();
        context.run();
        child = Process{context.get_executor()};
    }

    CHECK_FALSE(has_children());
}

TEST_CASE("Process: the loop's threads never touch SIGCHLD") {
    struct sigaction before {};
    ::sigaction(SIGCHLD, nullptr, &before);

    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        Process child = Process::start(executor, {CHILDREN "/child.noop"}, {});
        co_await child.wait();
        struct sigaction now {};
        ::sigaction(SIGCHLD, nullptr, &now);
        CHECK(now.sa_handler == SIG_DFL);
    }());

    struct sigaction after {};
    ::sigaction(SIGCHLD, nullptr, &after);
    CHECK(before.sa_handler == after.sa_handler);
}

TEST_CASE("Process: a running child takes two descriptors beside its pipes, later none") {
    asio::io_context context;
    Process first = started(context, {CHILDREN "/child.noop"}, {});  // the loop's own
    const auto before = test::open_descriptors().size();

    std::vector<Process> children;
    for (int i = 0; i < 10; ++i) children.push_back(waiting_child(context));
    CHECK(test::open_descriptors().size() - before <= 10 * (1 + 2));

    Outcome outcome;
    for (Process& child : children) {
        child.std_in.close();
        child.wait(into(outcome));
    }
    first.wait(into(outcome));
    context.run();
    CHECK(outcome.count == 11);
    CHECK(test::open_descriptors().size() <= before);
}

TEST_CASE("Process: after thousands of children there is no more than after the first") {
    constexpr int at_once = 10;
    asio::io_context context;
    const std::ptrdiff_t threads_before = count_threads();
    std::set<std::ptrdiff_t> threads;
    int left = 0;
    int ended_well = 0;
    const auto run_some = [&](int count) {
        left = count;
        for (int i = 0; i < at_once; ++i) {
            asio::co_spawn(
                context,
                [&]() -> awaitable<void> {
                    auto executor = co_await asio::this_coro::executor;
                    while (left-- > 0) {
                        Process child = Process::start(executor, {copy_input},
                                                       {.std_in = PIPE, .std_out = PIPE});
                        threads.insert(count_threads());
                        const Output output = co_await child.communicate("hello");
                        if (output.std_out == "hello") ++ended_well;
                    }
                },
                asio::detached);
        }
        context.restart();
        context.run();
    };
    run_some(100);
    const auto descriptors = test::open_descriptors();
    const long memory = resident_kilobytes();
    const int count = test::rounds(2'000);

    run_some(count);

    CHECK(ended_well == 100 + count);
    CHECK(test::open_descriptors() == descriptors);
    CHECK_FALSE(has_children());
    CHECK(*threads.rbegin() <= threads_before);
#ifndef SANITIZED
    CHECK(resident_kilobytes() - memory < 2'000);
#else
    static_cast<void>(memory);  // a sanitizer keeps for a while what was freed
#endif
}

TEST_CASE("Process: children of a loop of many threads are all reaped") {
    constexpr int count = 50;
    asio::io_context context;
    std::atomic<int> ended = 0;
    for (int i = 0; i < count; ++i) {
        asio::co_spawn(
            context,
            [&ended]() -> awaitable<void> {
                auto executor = co_await asio::this_coro::executor;
                Process child = Process::start(executor, {copy_input},
                                               {.std_in = PIPE, .std_out = PIPE});
                const Output output = co_await child.communicate("hello");
                if (output.std_out == "hello" && child.returncode() == 0) ++ended;
            },
            asio::detached);
        // What `||` cancels must run on the same strand: Asio's signals have no lock.
        asio::co_spawn(
            asio::make_strand(context),
            [&ended]() -> awaitable<void> {
                auto executor = co_await asio::this_coro::executor;
                Process child =
                    Process::start(executor, {write_and_wait}, {.std_in = PIPE});
                asio::steady_timer timer{executor, 1ms};
                co_await (child.wait() || timer.async_wait(asio::use_awaitable));
                if (child.returncode() == -SIGKILL) ++ended;
            },
            asio::detached);
    }

    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&context] { context.run(); });
    for (std::thread& thread : threads) thread.join();

    CHECK(ended == 2 * count);
    CHECK_FALSE(has_children());
}

TEST_CASE("release: the pidfd is one that can be waited for, whoever waited before") {
    asio::io_context context;
    Process child = waiting_child(context);
    Outcome outcome;
    child.wait(into(outcome));
    context.poll();

    const spawn::Started released = child.release();
    context.run();

    CHECK(outcome.code == asio::error::bad_descriptor);
    const int flags = released.pidfd ? ::fcntl(released.pidfd.get(), F_GETFL) : 0;
    CHECK((flags & O_NONBLOCK) == 0);
    CHECK(::waitpid(released.pid, nullptr, 0) == released.pid);
}

TEST_CASE("release: the child is the caller's to wait for") {
    asio::io_context context;
    Process child = waiting_child(context);
    const pid_t pid = child.pid();

    const spawn::Started released = child.release();

    CHECK(released.pid == pid);
    CHECK(child.pid() == 0);
    int status = 0;
    CHECK(::waitpid(pid, &status, 0) == pid);
    CHECK(status == 0);  // its input was closed
    CHECK_THROWS_AS(child.release(), ProcessLookupError);
}
