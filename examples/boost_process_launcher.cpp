// SPDX-License-Identifier: BSL-1.0
// A process of Boost.Process v2, with that library's own initialisers, started by this
// one's engine; and what a failed start says.
//
//     $ ./boost_process_launcher
//     [INFO] /usr says hello
//     [INFO] exit code: 3
//     [INFO] /no/such/program: No such file or directory

#include <pyproc/asyncio.hpp>

#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

namespace asio = boost::asio;
namespace process = boost::process::v2;
using pyproc::asyncio::launcher;

int main() try {
    asio::io_context context;
    asio::readable_pipe out{context};
    const std::vector<std::string> words{"-c", "echo $PWD says $GREETING; exit 3"};
    const std::vector<std::string> variables{"GREETING=hello"};

    process::process child{launcher{}(
        context, "/bin/sh", words, process::process_stdio{{}, out, {}},
        process::process_start_dir{"/usr"}, process::process_environment{variables})};

    std::string said;
    asio::async_read(out, asio::dynamic_buffer(said),
                     [](boost::system::error_code, std::size_t) {});
    int exit_code = -1;
    child.async_wait([&](boost::system::error_code, int code) { exit_code = code; });
    context.run();
    std::cout << "[INFO] " << said << "[INFO] exit code: " << exit_code << '\n';

    boost::system::error_code error;
    const auto none = launcher{}(context, error, "/no/such/program", words);
    std::cout << "[INFO] /no/such/program: " << error.message() << '\n';
} catch (const std::exception& error) {
    std::cerr << "boost_process_launcher: " << error.what() << '\n';
    return EXIT_FAILURE;
}
