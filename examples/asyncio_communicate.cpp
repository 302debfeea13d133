// SPDX-License-Identifier: BSL-1.0
// The two examples of the documentation of Python's asyncio.subprocess: a script whose
// output is collected, and a program of which one line is read.
//
//     $ ./asyncio_communicate
//     ['ls /zzz' exited with 2]
//     [stderr]
//     ls: cannot access '/zzz': No such file or directory
//
//     Current date: Sat Oct 11 00:35:11 MSK 2025

#include <pyproc/asyncio.hpp>
#include <pyproc/repr.hpp>

#include <boost/asio/read_until.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace asio = boost::asio;
namespace asyncio = pyproc::asyncio;
using asyncio::PIPE;

asio::awaitable<void> run(std::string cmd) {
    auto proc = co_await asyncio::create_subprocess_shell(
        cmd, {.std_err = PIPE, .std_out = PIPE});

    auto [std_out, std_err] = co_await proc.communicate();

    std::cout << '[' << pyproc::repr(cmd) << " exited with " << *proc.returncode()
              << "]\n";
    if (!std_out.empty()) std::cout << "[stdout]\n" << std_out << '\n';
    if (!std_err.empty()) std::cout << "[stderr]\n" << std_err << '\n';
}

asio::awaitable<std::string> get_date() {
    auto proc = co_await asyncio::create_subprocess_exec({"date"}, {.std_out = PIPE});

    // Read one line of output.
    std::string line;
    co_await asio::async_read_until(proc.std_out, asio::dynamic_buffer(line), '\n',
                                    asio::use_awaitable);

    // Wait for the subprocess exit.
    co_await proc.wait();
    co_return line.substr(0, line.find('\n'));
}

int main() try {
    asyncio::run(run("ls /zzz"));

    const std::string date = asyncio::run(get_date());
    std::cout << "Current date: " << date << '\n';
} catch (const std::exception& error) {
    std::cerr << "asyncio_communicate: " << error.what() << '\n';
    return EXIT_FAILURE;
}
