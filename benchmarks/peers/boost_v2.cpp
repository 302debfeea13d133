// SPDX-License-Identifier: BSL-1.0
// The order matters: the headers of Boost.Process v2 in 1.81 do not include all they use.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio.hpp>
#include <boost/filesystem.hpp>

#include <boost/process/v2/posix/vfork_launcher.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>

#include "peer.hpp"

namespace {

namespace asio = boost::asio;
namespace process = boost::process::v2;
using Fork = process::posix::default_launcher;
using Vfork = process::posix::vfork_launcher;

const std::vector<std::string> no_arguments;

// One for each thread, and not one for each child: that costs an epoll more.
asio::io_context& kept_context() {
    thread_local asio::io_context one;
    return one;
}

/// Where a child belongs. Each that vfork makes needs one of its own: it tells its
/// context of a fork, and in the memory that it shares with us that replaces the number
/// of our epoll by that of its own.
template <class Launcher>
class Context {
public:
    asio::io_context& get() { return kept_context(); }
};
template <>
class Context<Vfork> {
public:
    asio::io_context& get() { return own_; }

private:
    asio::io_context own_;
};

template <class Launcher>
void call(const char* program) {
    Context<Launcher> context;
    process::process child{
        Launcher{}(context.get().get_executor(), program, no_arguments)};
    if (child.wait() != 0) std::abort();
}

template <class Launcher>
std::string check_output(const char* program) {
    asio::readable_pipe out{kept_context()};
    Context<Launcher> context;
    process::process child{Launcher{}(context.get().get_executor(), program, no_arguments,
                                      process::process_stdio{{}, out, {}})};
    std::string output;
    boost::system::error_code end;
    asio::read(out, asio::dynamic_buffer(output), end);
    if (end != asio::error::eof || child.wait() != 0) std::abort();
    return output;
}

std::string communicate(const char* program, std::string_view input) {
    asio::io_context own;
    asio::writable_pipe in{own};
    asio::readable_pipe out{own};
    process::process child{Fork{}(own.get_executor(), program, no_arguments,
                                  process::process_stdio{in, out, {}})};
    std::string output;
    asio::async_write(in, asio::buffer(input), [&in](auto, std::size_t) { in.close(); });
    asio::async_read(out, asio::dynamic_buffer(output), [](auto, std::size_t) {});
    own.run();
    if (child.wait() != 0) std::abort();
    return output;
}

void start_and_kill(int count, const char* program) {
    std::vector<process::process> children;
    for (int i = 0; i < count; ++i) {
        children.emplace_back(
            Fork{}(kept_context().get_executor(), program, no_arguments));
    }
    for (process::process& child : children) ::kill(child.id(), SIGKILL);
    for (process::process& child : children) child.wait();
}

template <class Launcher>
void start_and_await(int count, const char* program) {
    asio::io_context own;
    int left = count;
    std::vector<process::process> children;
    children.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
        children.emplace_back(Launcher{}(own.get_executor(), program, no_arguments));
        children.back().async_wait([&left](boost::system::error_code, int code) {
            if (code != 0) std::abort();
            --left;
        });
    }
    own.run();
    if (left != 0) std::abort();
}

using namespace bench;

const Registered by_fork{{.name = "Boost.Process v2",
                          .call = call_each<call<Fork>>,
                          .check_output = check_output_each<check_output<Fork>>,
                          .communicate = communicate_each<communicate>,
                          .start_and_kill = start_and_kill,
                          .start_and_await = start_and_await<Fork>}};
const Registered by_vfork{{.name = "Boost.Process v2 vfork_launcher",
                           .call = call_each<call<Vfork>>,
                           .check_output = check_output_each<check_output<Vfork>>}};

}  // namespace
