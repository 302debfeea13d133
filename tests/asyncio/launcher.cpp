// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/launcher.hpp"

#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/pipe.hpp"
#include "support/asio.hpp"
#include "support/forked.hpp"

using pyproc::asyncio::error_code;
using pyproc::asyncio::launcher;
namespace asio = boost::asio;
namespace process_v2 = boost::process::v2;
namespace errc = boost::system::errc;
using process_v2::process_environment;
using process_v2::process_start_dir;
using process_v2::process_stdio;

namespace {

using Words = std::vector<std::string>;

constexpr const char* print_arguments = CHILDREN "/child.print_arguments";
constexpr const char* print_descriptors = CHILDREN "/child.print_descriptors";
constexpr const char* shell = "/bin/sh";

std::string read_all(asio::readable_pipe& pipe) {
    std::string text;
    error_code code;
    asio::read(pipe, asio::dynamic_buffer(text), code);
    CHECK(code == asio::error::eof);
    return text;
}

bool has_children() {
    siginfo_t info{};
    return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// An initialiser that writes down what it is told.
struct Witness {
    std::string told = {};
    error_code refusal = {};

    template <class Launcher>
    error_code on_setup(Launcher&, const process_v2::filesystem::path&,
                        const char* const*&) {
        told += "setup ";
        return refusal;
    }
    template <class Launcher>
    void on_success(Launcher& by, const process_v2::filesystem::path&,
                    const char* const*&) {
        told += by.pid > 0 ? "success " : "success of nobody ";
    }
    template <class Launcher>
    void on_error(Launcher&, const process_v2::filesystem::path&, const char* const*&,
                  const error_code& code) {
        told += "error " + std::to_string(code.value()) + " ";
    }
};

/// One that throws once the child has started.
struct Throwing {
    template <class Launcher>
    void on_success(Launcher&, const process_v2::filesystem::path&, const char* const*&) {
        throw std::out_of_range{"on_success"};
    }
};

/// One that has something to do in the child.
struct InChild {
    int (*act)();

    error_code on_exec_setup(process_v2::posix::default_launcher&,
                             const process_v2::filesystem::path&, const char* const*) {
        return {act(), boost::system::system_category()};
    }
};

}  // namespace

TEST_CASE("launcher: it gives a process of Boost.Process, which that can wait for") {
    asio::io_context context;
    process_v2::process child{
        launcher{}(context.get_executor(), CHILDREN "/child.exit_with", Words{"5"})};
    int exit_code = -1;

    child.async_wait([&](error_code, int code) { exit_code = code; });
    context.run();

    CHECK(exit_code == 5);
}

TEST_CASE("launcher: a context, words in braces, and errors as values will do") {
    asio::io_context context;
    error_code code = errc::make_error_code(errc::io_error);

    process_v2::process one{launcher{}(context, CHILDREN "/child.exit_with", {"3"})};
    process_v2::process two{
        launcher{}(context, code, CHILDREN "/child.exit_with", Words{"4"})};

    CHECK_FALSE(code);
    CHECK(one.wait() == 3);
    CHECK(two.wait() == 4);
}

TEST_CASE("launcher: one can start any number, and each is told nothing of the others") {
    asio::io_context context;
    asio::readable_pipe out{context};
    launcher start;
    {
        const Words variables{"A=1"};
        process_v2::process first{start(context, shell, Words{"-c", "exit $A"},
                                        process_environment{variables},
                                        process_v2::posix::bind_fd{42})};
        CHECK(first.wait() == 1);
    }
    REQUIRE(::setenv("PYPROC_TEST_LAUNCHER", "set later", 1) == 0);

    process_v2::process second{start(context, shell,
                                     Words{"-c", "echo $A $PYPROC_TEST_LAUNCHER"},
                                     process_stdio{{}, out, {}})};
    ::unsetenv("PYPROC_TEST_LAUNCHER");

    CHECK(read_all(out) == "set later\n");
    CHECK(second.wait() == 0);
    CHECK(start.fd_whitelist == std::vector<int>{0, 1, 2});
}

TEST_CASE("launcher: a missing program is an error that leaves no zombie") {
    asio::io_context context;
    error_code code;

    auto none = launcher{}(context.get_executor(), code, "/no/such/program", Words{});

    CHECK(code == errc::no_such_file_or_directory);
    CHECK_FALSE(none.is_open());
    CHECK_FALSE(has_children());
    CHECK_THROWS_AS(launcher{}(context, "/no/such/program", Words{}),
                    boost::system::system_error);
}

TEST_CASE(
    "launcher: process_stdio connects the streams, and its pipe ends for the parent") {
    asio::io_context context;
    asio::readable_pipe out{context};
    asio::writable_pipe in{context};
    process_stdio streams{in, out, nullptr};

    process_v2::process child{
        launcher{}(context, CHILDREN "/child.copy_input", Words{}, streams)};
    asio::write(in, asio::buffer("hello", 5));
    in.close();

    // Though the initialiser is still there.
    CHECK(read_all(out) == "hello");
    CHECK(child.wait() == 0);
}

TEST_CASE("launcher: process_start_dir and process_environment are followed") {
    asio::io_context context;
    asio::readable_pipe out{context};
    const Words variables{"A=1", "B=two words"};

    process_v2::process child{launcher{}(
        context, shell, Words{"-c", "pwd; echo $A $B $HOME"}, process_stdio{{}, out, {}},
        process_start_dir{"/usr"}, process_environment{variables})};

    CHECK(read_all(out) == "/usr\n1 two words\n");
    CHECK(child.wait() == 0);
    error_code code;
    auto none = launcher{}(context, code, shell, Words{}, process_start_dir{"/no/such"});
    CHECK(code == errc::no_such_file_or_directory);
}

TEST_CASE("launcher: the child has no descriptor that it was not given") {
    asio::io_context context;
    asio::readable_pipe out{context};
    const int leaking = ::open("/dev/null", O_RDONLY);
    REQUIRE(leaking > 2);

    process_v2::process child{
        launcher{}(context, print_descriptors, Words{}, process_stdio{{}, out, {}})};
    CHECK(read_all(out) == "0 1 2 ");
    CHECK(child.wait() == 0);

    asio::readable_pipe second{context};
    process_v2::process given{launcher{}(context, print_descriptors, Words{},
                                         process_stdio{{}, second, {}},
                                         process_v2::posix::bind_fd{leaking})};
    CHECK(read_all(second) == "0 1 2 " + std::to_string(leaking) + " ");
    CHECK(given.wait() == 0);
    ::close(leaking);
}

TEST_CASE("launcher: a descriptor can be bound to another number") {
    asio::io_context context;
    asio::readable_pipe out{context};
    const int file = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

    process_v2::process child{launcher{}(context, print_descriptors, Words{},
                                         process_stdio{{}, out, {}},
                                         process_v2::posix::bind_fd{42, file})};

    CHECK(read_all(out) == "0 1 2 42 ");
    CHECK(child.wait() == 0);
    ::close(file);
}

TEST_CASE("launcher: a descriptor bound to a free number is not in the engine's way") {
    asio::io_context context;
    const auto pipe = pyproc::posix::make_pipe().or_throw("pipe");
    const int lowest_free = ::dup(STDERR_FILENO);
    ::close(lowest_free);

    // One of these is what the engine would get for its own.
    for (int target = lowest_free; target < lowest_free + 4; ++target) {
        error_code code;
        auto none = launcher{}(context, code, "/no/such/program", Words{},
                               process_v2::posix::bind_fd{target, pipe.write_end.get()});
        CHECK(code == errc::no_such_file_or_directory);
    }

    CHECK_FALSE(has_children());
    REQUIRE(::fcntl(pipe.read_end.get(), F_SETFL, O_NONBLOCK) == 0);
    char byte = 0;
    CHECK(::read(pipe.read_end.get(), &byte, 1) == -1);
}

TEST_CASE("launcher: initialisers are told of setup and success, or of setup and error") {
    asio::io_context context;
    error_code code;
    Witness fine;
    Witness unlucky;
    Witness refusing{.refusal = errc::make_error_code(errc::not_supported)};
    Witness behind;

    process_v2::process child{launcher{}(context, CHILDREN "/child.noop", Words{}, fine)};
    auto none = launcher{}(context, code, "/no/such/program", Words{}, unlucky);
    auto refused = launcher{}(context, code, shell, Words{}, refusing, behind);

    CHECK(fine.told == "setup success ");
    CHECK(unlucky.told == "setup error " + std::to_string(ENOENT) + " ");
    CHECK(refusing.told == "setup error " + std::to_string(ENOTSUP) + " ");
    CHECK(behind.told == "error " + std::to_string(ENOTSUP) + " ");
    CHECK(code == errc::not_supported);
    CHECK_FALSE(refused.is_open());
    CHECK(child.wait() == 0);
}

TEST_CASE("launcher: what an initialiser throws is thrown on, and leaves no child") {
    asio::io_context context;
    error_code code;
    Witness witness;

    CHECK_THROWS_AS(
        launcher{}(context, code, shell, Words{"-c", "read x"}, Throwing{}, witness),
        std::out_of_range);

    CHECK(witness.told == "setup ");
    CHECK_FALSE(has_children());
}

TEST_CASE("launcher: on_exec_setup runs in the child, with its streams, and may refuse") {
    asio::io_context context;
    asio::readable_pipe out{context};
    error_code code;

    process_v2::process child{
        launcher{}(context, print_arguments, Words{"x"}, process_stdio{{}, out, {}},
                   InChild{[] { return ::write(1, "set up ", 7) == 7 ? 0 : EIO; }})};
    CHECK(read_all(out) == std::string{"set up "} + print_arguments + '\0' + 'x' + '\0');
    CHECK(child.wait() == 0);

    Witness witness;
    auto none = launcher{}(context, code, shell, Words{}, witness,
                           InChild{[] { return ENOTDIR; }});
    CHECK(code == errc::not_a_directory);
    CHECK(witness.told == "setup error " + std::to_string(ENOTDIR) + " ");
    CHECK_FALSE(has_children());
}

TEST_CASE("launcher: a failed start runs nothing that the parent has for its exit") {
    const std::string told = test::told_by_forked([] {
        static int exits = 0;
        std::atexit([] { ++exits; });
        asio::io_context context;
        error_code code;
        for (int i = 0; i < 10; ++i) {
            auto none = launcher{}(context, code, "/no/such/program", Words{});
        }
        return std::to_string(exits);
    });

    CHECK(told == "0");
}
