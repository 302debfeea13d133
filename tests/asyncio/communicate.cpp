// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/communicate.hpp"

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <future>
#include <new>
#include <string>

#include "pyproc/asyncio/process.hpp"
#include "pyproc/asyncio/run.hpp"
#include "support/asio.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using namespace boost::asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using asio::awaitable;
using asio::cancellation_type;

namespace {

/// What is larger can't be had.
std::atomic<std::size_t> largest_allocation = ~std::size_t{0};

const std::string more_than_a_pipe_holds(3 << 20, 'x');

const Options none;

constexpr const char* copy_input = CHILDREN "/child.copy_input";
constexpr const char* flood = CHILDREN "/child.flood";
constexpr const char* leave_grandchild = CHILDREN "/child.leave_grandchild";
constexpr const char* write_and_wait = CHILDREN "/child.write_and_wait";

awaitable<Process> started(Args args, Options options) {
    co_return Process::start(co_await asio::this_coro::executor, args, options);
}

}  // namespace

void* operator new(std::size_t size) {
    void* const made = size > largest_allocation ? nullptr : std::malloc(size);
    if (made == nullptr) throw std::bad_alloc{};
    return made;
}

// A sanitizer's own does not call the other.
void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return size > largest_allocation ? nullptr : std::malloc(size);
}

void operator delete(void* made) noexcept {
    std::free(made);
}

void operator delete(void* made, std::size_t) noexcept {
    std::free(made);
}

TEST_CASE("communicate: input and both outputs flow at once, so none can stall") {
    run([]() -> awaitable<void> {
        const Args args{copy_input, "both"};
        const Options options{.std_err = PIPE, .std_in = PIPE, .std_out = PIPE};
        Process child = co_await started(args, options);

        const Output output = co_await child.communicate(more_than_a_pipe_holds);

        CHECK(output.std_out == more_than_a_pipe_holds);
        CHECK(output.std_err == more_than_a_pipe_holds);
        CHECK(child.returncode() == 0);
        CHECK_FALSE(child.std_in.is_open());
        CHECK_FALSE(child.std_out.is_open());
    }());
}

TEST_CASE("communicate: without pipes it waits for the end") {
    run([]() -> awaitable<void> {
        const Args args{CHILDREN "/child.exit_with", "4"};
        Process child = co_await started(args, none);

        const Output output = co_await child.communicate();

        CHECK(output == Output{});
        CHECK(child.returncode() == 4);
    }());
}

TEST_CASE("communicate: the input of the options is what it gives, but for its own") {
    run([]() -> awaitable<void> {
        const Args args{copy_input};
        const Options options{.input = "from the options", .std_out = PIPE};
        Process one = co_await started(args, options);
        Process two = co_await started(args, options);

        const Output first = co_await one.communicate();
        const Output second = co_await two.communicate("other");

        CHECK(first.std_out == "from the options");
        CHECK(second.std_out == "other");
    }());
}

TEST_CASE("communicate: a child that closes its end early is no error") {
    run([]() -> awaitable<void> {
        const Args args{CHILDREN "/child.noop"};
        const Options options{.std_in = PIPE, .std_out = PIPE};
        Process child = co_await started(args, options);

        const Output output = co_await child.communicate(more_than_a_pipe_holds);

        CHECK(output.std_out.empty());
        CHECK(child.returncode() == 0);
    }());
}

TEST_CASE("communicate: a child that closes its outputs and lives on is waited for") {
    run([]() -> awaitable<void> {
        const Args args{CHILDREN "/child.close_output"};
        const Options options{.std_err = PIPE, .std_in = PIPE, .std_out = PIPE};
        Process child = co_await started(args, options);

        co_await child.communicate("input");

        CHECK(child.returncode() == 0);
    }());
}

TEST_CASE("communicate: a child that writes more than the limit is killed") {
    run([]() -> awaitable<void> {
        constexpr std::size_t limit = 100'000;
        const Args args{flood, "-1", "1"};
        const Options options{.std_err = PIPE, .std_out = PIPE};
        Process child = co_await started(args, options);
        std::string written;

        try {
            co_await child.communicate("", limit);
        } catch (const LimitOverrunError& error) {
            written = error.std_out();
        }

        CHECK(written.size() == limit);
        CHECK(child.returncode() == -SIGKILL);
    }());
}

TEST_CASE("communicate: output that there is no memory for is the operation's error") {
    asio::io_context context;
    Process child =
        Process::start(context.get_executor(), {flood, "-1", "1"}, {.std_out = PIPE});
    Process other =
        Process::start(context.get_executor(), {flood, "-1", "2"}, {.std_err = PIPE});
    int count = 0;
    error_code code;

    child.communicate([&](error_code why, const Output&) {
        ++count;
        code = why;
    });
    std::future<Output> output = other.communicate(asio::use_future);
    largest_allocation = std::size_t{8} << 20U;
    context.run();
    largest_allocation = ~std::size_t{0};

    CHECK(count == 1);
    CHECK(code == asio::error::no_memory);
    CHECK_THROWS_AS(output.get(), std::bad_alloc);
    CHECK(child.returncode() == -SIGKILL);
    CHECK(other.returncode() == -SIGKILL);
}

TEST_CASE("communicate: just as much as the limit is allowed") {
    run([]() -> awaitable<void> {
        const Args args{flood, "100000", "2"};
        const Options options{.std_err = PIPE, .std_out = PIPE};
        Process child = co_await started(args, options);

        const Output output = co_await child.communicate("", 100'000);

        CHECK(output.std_err.size() == 100'000);
        CHECK(child.returncode() == 0);
    }());
}

TEST_CASE("communicate: a timeout made of `||` ends a child that floods") {
    run([]() -> awaitable<void> {
        const Args args{flood, "-1", "1"};
        const Options options{.std_out = PIPE};
        Process child = co_await started(args, options);
        asio::steady_timer timer{co_await asio::this_coro::executor, 20ms};

        const auto first =
            co_await (child.communicate() || timer.async_wait(asio::use_awaitable));

        CHECK(first.index() == 1);
        CHECK(child.returncode() == -SIGKILL);
    }());
}

TEST_CASE("communicate: it waits for a grandchild's output, but not once cancelled") {
    asio::io_context context;
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    Process child = Process::start(context.get_executor(), {leave_grandchild, "hello"},
                                   {.std_in = ends[0], .std_out = PIPE});
    ::close(ends[0]);
    asio::cancellation_signal cancel;
    error_code code;
    Output output;
    bool is_complete = false;
    child.communicate(asio::bind_cancellation_slot(
        cancel.slot(), [&](error_code why, const Output& collected) {
            is_complete = true;
            code = why;
            output = collected;
        }));
    while (!child.returncode()) context.run_one_for(1ms);
    CHECK_FALSE(is_complete);

    cancel.emit(cancellation_type::partial);
    context.run();

    CHECK(is_complete);
    CHECK(code == asio::error::operation_aborted);
    CHECK(output.std_out == "hello");
    CHECK(child.returncode() == 0);
    ::close(ends[1]);
}

TEST_CASE("communicate: cancelled, it gives what a child wrote at its end") {
    asio::io_context context;
    Process child = Process::start(context.get_executor(),
                                   {"/bin/sh", "-c",
                                    "trap 'echo bye; exit 5' INT; "
                                    "echo ready >&2; read line; exit 6"},
                                   {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});
    std::string ready;
    asio::read_until(child.std_err, asio::dynamic_buffer(ready), '\n');
    WriteStream keep = std::move(child.std_in);
    child.std_in = WriteStream{context.get_executor()};
    asio::cancellation_signal cancel;
    error_code code;
    Output output;
    child.communicate(asio::bind_cancellation_slot(
        cancel.slot(), [&](error_code why, const Output& collected) {
            code = why;
            output = collected;
        }));

    cancel.emit(cancellation_type::total);
    context.run();

    CHECK(code == asio::error::operation_aborted);
    CHECK(output.std_out == "bye\n");
    CHECK(child.returncode() == 5);
}

TEST_CASE("communicate: an operation that is destroyed kills the child") {
    pid_t pid = 0;
    {
        asio::io_context context;
        Process child = Process::start(context.get_executor(), {write_and_wait},
                                       {.std_in = PIPE, .std_out = PIPE});
        pid = child.pid();
        WriteStream keep = std::move(child.std_in);
        child.communicate([](error_code, const Output&) {});
        context.poll();
    }

    CHECK(::kill(pid, 0) == -1);
    CHECK(errno == ESRCH);
}

TEST_CASE("communicate: a Process that is destroyed, assigned or released aborts it") {
    asio::io_context context;
    const auto executor = context.get_executor();
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    // A grandchild keeps the pipe to the end.
    const auto start = [&] {
        return Process::start(executor,
                              {"/bin/sh", "-c", "echo hello; cat & cat; exit 3"},
                              {.std_in = ends[0], .std_out = PIPE});
    };
    int count = 0;
    const auto is_aborted = [&count](error_code code, const Output&) {
        if (code == asio::error::operation_aborted) ++count;
    };
    Process assigned = start();
    Process released = start();
    {
        Process destroyed = start();
        destroyed.communicate(is_aborted);
        assigned.communicate(is_aborted);
        released.communicate(is_aborted);
        context.poll();
    }
    assigned = Process{executor};
    const spawn::Started given = released.release();
    ::kill(given.pid, SIGKILL);
    ::waitpid(given.pid, nullptr, 0);
    context.run_for(5s);
    const int seen = count;
    ::close(ends[0]);
    ::close(ends[1]);
    context.run();

    CHECK(seen == 3);
    CHECK(count == 3);
}

TEST_CASE("communicate: input that there is no pipe for is an error of the operation") {
    asio::io_context context;
    Process child = Process::start(context.get_executor(), {CHILDREN "/child.noop"}, {});
    error_code code;

    child.communicate("input", [&](error_code why, const Output&) { code = why; });
    context.run();
    context.restart();
    auto thrown = child.communicate("input", asio::use_future);
    context.run();

    CHECK(code == asio::error::invalid_argument);
    CHECK_THROWS_AS(thrown.get(), ValueError);
    context.restart();
    child.wait([](error_code, int) {});
    context.run();
}

TEST_CASE("communicate: text is converted as `subprocess` does") {
    run([]() -> awaitable<void> {
        const Args args{copy_input};
        const Options options{.encoding = "latin-1", .std_in = PIPE, .std_out = PIPE};
        Process fine = co_await started(args, options);
        const Output output = co_await fine.communicate("\u00e9\r\n");
        CHECK(output.std_out == "\u00e9\n");

        Process bad = co_await started(args, options);
        std::exception_ptr error;
        try {
            co_await bad.communicate("\u20ac");
        } catch (const UnicodeEncodeError&) {
            error = std::current_exception();
        }
        CHECK(error != nullptr);
    }());
}
