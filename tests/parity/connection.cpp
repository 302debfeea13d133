// SPDX-License-Identifier: BSL-1.0
// One end of a connection whose other end is Python, see test_connection.py.
//
//     parity.connection <command> <descriptor or address> [key]

#include <pyproc/multiprocessing.hpp>
#ifdef HAS_LISTENER
#include <pyproc/multiprocessing/listener.hpp>
#endif

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <iostream>
#include <optional>
#include <string>

using namespace pyproc;
using namespace pyproc::multiprocessing;

namespace {

/// Sends back what comes, until the end.
void echo(Connection& connection) {
    try {
        for (;;) connection.send_bytes(connection.recv_bytes());
    } catch (const EOFError&) {
        std::cout << "end" << std::endl;
    }
}

Connection inherited(const char* number) {
    return Connection{posix::UniqueFd{std::atoi(number)}};
}

int run(const std::string& command, char** arguments) {
    if (command == "echo") {
        Connection connection = inherited(arguments[0]);
        echo(connection);
        return 0;
    }
    if (command == "receive_one_way") {
        Connection connection = inherited(arguments[0]);
        try {
            for (;;) std::cout << connection.recv_bytes().size() << std::endl;
        } catch (const EOFError&) {
            std::cout << "end" << std::endl;
        }
        return 0;
    }
    if (command == "limit") {
        Connection connection = inherited(arguments[0]);
        try {
            static_cast<void>(connection.recv_bytes(4));
        } catch (const OSError& error) {
            std::cout << error.what() << std::endl;
        }
        return 0;
    }
    if (command == "write_through_handle") {
        Connection connection = inherited(arguments[0]);
        const posix::UniqueFd handle = connection.recv_handle();
        posix::write_all(handle.get(), "through").or_throw("write");
        return 0;
    }
    if (command == "send_handle") {
        Connection connection = inherited(arguments[0]);
        const posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
        connection.send_handle(pipe.read_end.get());
        posix::write_all(pipe.write_end.get(), "through").or_throw("write");
        return 0;
    }
#ifdef HAS_LISTENER
    const auto address = [&] {
        if (std::strchr(arguments[0], '/') != nullptr) return Address{arguments[0]};
        return Address{"127.0.0.1", static_cast<std::uint16_t>(std::atoi(arguments[0]))};
    };
    std::optional<std::string> key;
    if (arguments[1] != nullptr) key = arguments[1];
    if (command == "listen") {
        Listener listener{address(), {.authkey = key}};
        if (listener.address().is_path()) {
            std::cout << listener.address().text() << std::endl;
        } else {
            std::cout << listener.address().port() << std::endl;
        }
        Connection connection = listener.accept();
        echo(connection);
        return 0;
    }
    if (command == "connect") {
        Connection connection = Client(address(), {.authkey = key});
        echo(connection);
        return 0;
    }
#endif
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    try {
        return run(argv[1], argv + 2);
    } catch (const std::exception& error) {
        std::cout << error.what() << std::endl;
        return 1;
    }
}
