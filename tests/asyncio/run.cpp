// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/run.hpp"

#include <cerrno>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "support/asio.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using asio::awaitable;

namespace {

constexpr const char* print_arguments = CHILDREN "/child.print_arguments";
const Options captured{.std_out = PIPE};

awaitable<std::string> output_of(Process child) {
    Output output = co_await child.communicate();
    co_return std::move(output.std_out);
}

}  // namespace

TEST_CASE("create_subprocess_exec: words and options in braces will do with co_await") {
    const std::string out = run([]() -> awaitable<std::string> {
        const std::string last(100, 'z');
        Process child = co_await create_subprocess_exec({print_arguments, "a b", last},
                                                        {.std_out = PIPE});
        co_return co_await output_of(std::move(child));
    }());

    CHECK(out == std::string{print_arguments} + '\0' + "a b" + '\0' +
                     std::string(100, 'z') + '\0');
}

TEST_CASE("create_subprocess_exec: everything else that makes a command will do") {
    run([]() -> awaitable<void> {
        const std::vector<std::string> words{print_arguments, "x"};
        Process ranged = co_await create_subprocess_exec(words, captured);
        Process single = co_await create_subprocess_exec(print_arguments, captured);

        const std::string of_range = co_await output_of(std::move(ranged));
        const std::string of_one = co_await output_of(std::move(single));

        CHECK(of_range == std::string{print_arguments} + '\0' + 'x' + '\0');
        CHECK(of_one == std::string{print_arguments} + '\0');
    }());
}

TEST_CASE("create_subprocess_shell: the script is run by the shell") {
    run([]() -> awaitable<void> {
        Process child = co_await create_subprocess_shell("echo $((6 * 7)); exit 3",
                                                         {.std_out = PIPE});

        const Output output = co_await child.communicate();

        CHECK(output.std_out == "42\n");
        CHECK(child.returncode() == 3);
    }());
}

TEST_CASE("create_subprocess_exec: a missing program is the operation's error alone") {
    run([]() -> awaitable<void> {
        std::string file;
        try {
            co_await create_subprocess_exec({"no-such-program"});
        } catch (const FileNotFoundError& error) {
            file = error.filename();
        }
        CHECK(file == "no-such-program");

        auto [code, none] = co_await create_subprocess_exec(
            {"no-such-program"}, {}, asio::as_tuple(asio::use_awaitable));
        CHECK(code == boost::system::errc::no_such_file_or_directory);
        CHECK(none.pid() == 0);

        error_code redirected;
        co_await create_subprocess_exec(
            {"no-such-program"}, {},
            asio::redirect_error(asio::use_awaitable, redirected));
        CHECK(redirected == code);

        // The loop goes on.
        Process child = co_await create_subprocess_exec({CHILDREN "/child.noop"});
        CHECK(co_await child.wait() == 0);
    }());
}

TEST_CASE("create_subprocess_exec: every kind of completion token will do") {
    asio::io_context context;
    std::future<Process> future =
        create_subprocess_exec(context, {CHILDREN "/child.noop"}, {}, asio::use_future);
    std::future<Process> failed =
        create_subprocess_exec(context, {"no-such-program"}, {}, asio::use_future);
    error_code code;
    pid_t pid = 0;
    create_subprocess_exec(context.get_executor(), {CHILDREN "/child.noop"}, {},
                           [&](error_code why, Process child) {
                               code = why;
                               pid = child.pid();
                           });
    CHECK(pid == 0);
    context.run();
    CHECK_FALSE(code);
    CHECK(pid != 0);
    CHECK(future.get().pid() != 0);
    CHECK_THROWS_AS(failed.get(), FileNotFoundError);

    auto lazy =
        create_subprocess_exec(context, {CHILDREN "/child.noop"}, {}, asio::deferred);
    std::future<Process> later = std::move(lazy)(asio::use_future);
    context.restart();
    context.run();
    CHECK(later.get().pid() != 0);
    context.restart();
    context.run();
}

TEST_CASE("create_subprocess_exec: the child belongs to the executor of who waits") {
    run([]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        auto strand = asio::make_strand(executor);
        asio::any_io_executor seen;

        Process child = co_await create_subprocess_exec({CHILDREN "/child.noop"});
        Process other = co_await create_subprocess_exec(strand, {CHILDREN "/child.noop"});

        CHECK(child.get_executor() == executor);
        CHECK(other.get_executor() == asio::any_io_executor{strand});
        co_await child.wait();
        co_await other.wait();
    }());
}

TEST_CASE(
    "create_subprocess_exec: what is for `run` alone is refused, as the wrong kind") {
    const auto refused = [](auto begin) {
        asio::io_context context;
        std::future<Process> made = begin(context);
        context.run();
        CHECK_THROWS_AS(made.get(), ValueError);
    };

    refused([](auto& context) {
        return create_subprocess_exec(context, "true", {.check = true}, asio::use_future);
    });
    refused([](auto& context) {
        return create_subprocess_exec(
            context, "true", {.timeout = std::chrono::seconds{1}}, asio::use_future);
    });
    refused([](auto& context) {
        return create_subprocess_exec(context, "true", {.shell = true}, asio::use_future);
    });
    refused([](auto& context) {
        return create_subprocess_shell(context, {"echo", "x"}, {}, asio::use_future);
    });
    refused([](auto& context) {
        return create_subprocess_exec(context, "", {}, asio::use_future);
    });
}

#ifndef SANITIZED  // clang's UBSan opens a pipe to look at an exception

TEST_CASE("create_subprocess_exec: no descriptor left is the error of the operation") {
    run([]() -> awaitable<void> {
        std::exception_ptr caught;
        rlimit usual{};
        ::getrlimit(RLIMIT_NOFILE, &usual);
        const rlimit none_left{3, usual.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none_left);
        try {
            co_await create_subprocess_exec("true", {.std_out = PIPE});
        } catch (const OSError&) {
            caught = std::current_exception();
        }
        ::setrlimit(RLIMIT_NOFILE, &usual);

        CHECK(to_error_code(caught) == boost::system::errc::too_many_files_open);
        Process child = co_await create_subprocess_exec({CHILDREN "/child.noop"});
        CHECK(co_await child.wait() == 0);
    }());
}

TEST_CASE("run: no descriptor for the loop is an error before the coroutine begins") {
    rlimit usual{};
    ::getrlimit(RLIMIT_NOFILE, &usual);
    const rlimit none_left{3, usual.rlim_max};
    bool has_begun = false;
    auto coroutine = [](bool& begun) -> awaitable<void> {
        begun = true;
        co_return;
    }(has_begun);

    ::setrlimit(RLIMIT_NOFILE, &none_left);
    CHECK_THROWS_AS(run(std::move(coroutine)), boost::system::system_error);
    ::setrlimit(RLIMIT_NOFILE, &usual);

    CHECK_FALSE(has_begun);
}

#endif

TEST_CASE("run: it returns what the coroutine returns, and throws what it throws") {
    CHECK(run([]() -> awaitable<int> { co_return 42; }()) == 42);
    CHECK_THROWS_AS(run([]() -> awaitable<void> {
                        throw EOFError{"x"};
                        co_return;
                    }()),
                    EOFError);
}

TEST_CASE(
    "run: a coroutine that stops the context and waits on is an error, not a hang") {
    CHECK_THROWS_AS(run([]() -> awaitable<void> {
                        auto executor = co_await asio::this_coro::executor;
                        auto& context = asio::query(executor, asio::execution::context);
                        static_cast<asio::io_context&>(context).stop();
                        co_await asio::post(executor, asio::use_awaitable);
                    }()),
                    std::runtime_error);
}

TEST_CASE("run: what the coroutine leaves behind is ended") {
    pid_t pid = 0;

    run([&pid]() -> awaitable<void> {
        auto executor = co_await asio::this_coro::executor;
        asio::co_spawn(
            executor,
            [&pid]() -> awaitable<void> {
                Process child = co_await create_subprocess_exec(
                    {CHILDREN "/child.write_and_wait"}, {.std_in = PIPE});
                pid = child.pid();
                co_await child.wait();
            },
            asio::detached);
        asio::steady_timer timer{executor};
        while (pid == 0) co_await asio::post(executor, asio::use_awaitable);
    }());

    CHECK(::kill(pid, 0) == -1);
    CHECK(errno == ESRCH);
}
