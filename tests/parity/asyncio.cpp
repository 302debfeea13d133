// SPDX-License-Identifier: BSL-1.0
// The C++ twin of asyncio_twin.py: the same scenarios under the same names.

#include <pyproc/asyncio/run.hpp>
#include <pyproc/repr.hpp>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/write.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <string>
#include <utility>

using namespace pyproc;
using namespace pyproc::asyncio;
using namespace boost::asio::experimental::awaitable_operators;
using asio::awaitable;

namespace {

std::string child(const std::string& name) {
    return std::string{std::getenv("CHILDREN")} + "/child." + name;
}

template <class... Values>
void print(const Values&... values) {
    const char* separator = "";
    ((std::cout << std::exchange(separator, " ") << values), ...);
    std::cout << '\n';
}

std::string text(std::optional<int> value) {
    return value ? std::to_string(*value) : "None";
}

const std::string much(3'000'000, 'x');

awaitable<void> wait() {
    const std::string exit_with = child("exit_with");
    Process p = co_await create_subprocess_exec({exit_with, "7"});
    for (int i = 0; i < 2; ++i) {
        const int code = co_await p.wait();
        print(code, text(p.returncode()));
    }
    const std::string kill_itself = child("kill_itself");
    Process killed = co_await create_subprocess_exec({kill_itself, "15"});
    const int code = co_await killed.wait();
    print(code, text(killed.returncode()));
}

awaitable<void> communicate() {
    const std::string copy_input = child("copy_input");
    Process both = co_await create_subprocess_exec(
        {copy_input, "both"}, {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});
    Output output = co_await both.communicate(much);
    print(output.std_out.size(), output.std_err.size(), text(both.returncode()));
    const std::string write_both = child("write_both");
    Process folded = co_await create_subprocess_exec(
        {write_both, "out", "err"}, {.std_err = STDOUT, .std_out = PIPE});
    output = co_await folded.communicate();
    print(output.std_out, output.std_err, text(folded.returncode()));
    const std::string noop = child("noop");
    Process deaf =
        co_await create_subprocess_exec(noop, {.std_in = PIPE, .std_out = PIPE});
    output = co_await deaf.communicate(much);
    print(output.std_out.size(), text(deaf.returncode()));
}

awaitable<void> returncode() {
    const std::string waiting = child("write_and_wait");
    Process p = co_await create_subprocess_exec(waiting, {.std_in = PIPE});
    print(text(p.returncode()));
    p.std_in.close();
    co_await p.wait();
    print(text(p.returncode()));
}

awaitable<void> missing_program() {
    const std::string noop = child("noop");
    try {
        co_await create_subprocess_exec("no-such-program");
    } catch (const FileNotFoundError& error) {
        print(error.code().value(), error.filename());
    }
    try {
        co_await create_subprocess_exec(noop, {.cwd = "/no/such/directory"});
    } catch (const FileNotFoundError& error) {
        print(error.code().value(), error.filename());
    }
    Process p = co_await create_subprocess_exec(noop);
    const int code = co_await p.wait();
    print(code);
}

awaitable<void> shell() {
    Process p = co_await create_subprocess_shell("echo $((6 * 7)); echo oops >&2; exit 3",
                                                 {.std_err = PIPE, .std_out = PIPE});
    const Output output = co_await p.communicate();
    print(output.std_out, output.std_err, text(p.returncode()));
    Process missing =
        co_await create_subprocess_shell("no-such-program-at-all", {.std_err = DEVNULL});
    const int code = co_await missing.wait();
    print(code);
}

awaitable<void> refused() {
    const std::string noop = child("noop");
    try {
        co_await create_subprocess_shell({"echo", "x"});
    } catch (const ValueError&) {
        print("ValueError");
    }
    try {
        co_await create_subprocess_exec(noop, {.shell = true});
    } catch (const ValueError&) {
        print("ValueError");
    }
}

awaitable<void> signals() {
    const std::string waiting = child("write_and_wait");
    void (*const senders[])(Process&) = {[](Process& p) { p.terminate(); },
                                         [](Process& p) { p.kill(); },
                                         [](Process& p) { p.send_signal(SIGINT); }};
    for (const auto send : senders) {
        Process p = co_await create_subprocess_exec(waiting, {.std_in = PIPE});
        send(p);
        const int code = co_await p.wait();
        print(code);
    }
}

awaitable<void> cancelled_wait() {
    const std::string waiting = child("write_and_wait");
    Process p = co_await create_subprocess_exec(waiting, {.std_in = PIPE});
    asio::steady_timer timer{p.get_executor(), std::chrono::milliseconds{10}};
    const auto first = co_await (p.async_wait() || timer.async_wait(asio::use_awaitable));
    if (first.index() == 1) print("timeout", text(p.returncode()));
    p.kill();
    const int code = co_await p.wait();
    print(code);
}

awaitable<void> lines() {
    const std::string copy_input = child("copy_input");
    Process p =
        co_await create_subprocess_exec(copy_input, {.std_in = PIPE, .std_out = PIPE});
    const std::string input = "one\ntwo\nthree";
    co_await asio::async_write(p.std_in, asio::buffer(input), asio::use_awaitable);
    p.std_in.close();
    std::string buffer;
    for (;;) {
        auto [code, size] =
            co_await asio::async_read_until(p.std_out, asio::dynamic_buffer(buffer), '\n',
                                            asio::as_tuple(asio::use_awaitable));
        if (code) size = buffer.size();
        if (size == 0) break;
        print(repr(buffer.substr(0, size)));
        buffer.erase(0, size);
    }
    const int code = co_await p.wait();
    print(code);
}

awaitable<void> broken_pipe() {
    const std::string noop = child("noop");
    Process p = co_await create_subprocess_exec(noop, {.std_in = PIPE});
    co_await p.wait();
    const auto [code, size] = co_await asio::async_write(
        p.std_in, asio::buffer(much), asio::as_tuple(asio::use_awaitable));
    if (code == asio::error::broken_pipe) print("broken pipe");
}

awaitable<void> add_exit_code(int number, int& sum, int& left, asio::steady_timer& all) {
    const std::string exit_with = child("exit_with");
    const std::string word = std::to_string(number);
    Process p = co_await create_subprocess_exec({exit_with, word});
    const int code = co_await p.wait();
    sum += code;
    if (--left == 0) all.cancel();
}

awaitable<void> at_once() {
    const auto executor = co_await asio::this_coro::executor;
    int sum = 0;
    int left = 50;
    asio::steady_timer all{executor, asio::steady_timer::time_point::max()};
    for (int i = 0; i < 50; ++i) {
        asio::co_spawn(executor, add_exit_code(i, sum, left, all), asio::detached);
    }
    co_await all.async_wait(asio::as_tuple(asio::use_awaitable));
    print(sum);
}

const std::map<std::string, awaitable<void> (*)()> scenarios{
    {"wait", wait},
    {"communicate", communicate},
    {"returncode", returncode},
    {"missing_program", missing_program},
    {"shell", shell},
    {"refused", refused},
    {"signals", signals},
    {"cancelled_wait", cancelled_wait},
    {"lines", lines},
    {"broken_pipe", broken_pipe},
    {"at_once", at_once}};

}  // namespace

int main(int, char** argv) {
    run(scenarios.at(argv[1])());
}
