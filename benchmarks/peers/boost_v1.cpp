// SPDX-License-Identifier: BSL-1.0
#include <sys/wait.h>  // NOLINT: Boost.Process 1.81 uses waitpid and leaves this out

// Without it use_vfork is declared, but not defined.
#define BOOST_POSIX_HAS_VFORK 1
#include <boost/asio.hpp>
#include <boost/process.hpp>

#include <cstdlib>
#include <future>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

#include "peer.hpp"

namespace {

namespace process = boost::process;

// What more to ask of a child than to be one.
template <class... Properties>
void call(const char* program, Properties&&... properties) {
    process::child child{process::exe = program, properties...};
    child.wait();
    if (child.exit_code() != 0) std::abort();
}

template <class... Properties>
std::string check_output(const char* program, Properties&&... properties) {
    process::ipstream out;
    process::child child{process::exe = program, process::std_out > out, properties...};
    std::string output{std::istreambuf_iterator<char>{out}, {}};
    child.wait();
    if (child.exit_code() != 0) std::abort();
    return output;
}

std::string communicate(const char* program, std::string_view input) {
    boost::asio::io_context context;
    std::future<std::string> output;
    process::child child{
        process::exe = program,
        process::std_in<boost::asio::buffer(input), process::std_out> output, context};
    context.run();
    child.wait();
    return output.get();
}

template <class... Properties>
void start_and_kill(int count, const char* program, Properties&&... properties) {
    std::vector<process::child> children;
    for (int i = 0; i < count; ++i) {
        children.emplace_back(process::exe = program, properties...);
    }
    for (process::child& child : children) ::kill(child.id(), SIGKILL);
    for (process::child& child : children) child.wait();
}

void call_by_fork(const char* program) {
    call(program);
}
void call_by_vfork(const char* program) {
    call(program, process::posix::use_vfork);
}
void call_and_close(const char* program) {
    call(program, process::limit_handles);
}
std::string check_output_by_fork(const char* program) {
    return check_output(program);
}
std::string check_output_by_vfork(const char* program) {
    return check_output(program, process::posix::use_vfork);
}
void start_by_fork(int count, const char* program) {
    start_and_kill(count, program);
}
void start_by_vfork(int count, const char* program) {
    start_and_kill(count, program, process::posix::use_vfork);
}

using namespace bench;

const Registered by_fork{{.name = "Boost.Process v1",
                          .call = call_each<call_by_fork>,
                          .check_output = check_output_each<check_output_by_fork>,
                          .communicate = communicate_each<communicate>,
                          .start_and_kill = start_by_fork}};
const Registered by_vfork{{.name = "Boost.Process v1 use_vfork",
                           .call = call_each<call_by_vfork>,
                           .check_output = check_output_each<check_output_by_vfork>,
                           .start_and_kill = start_by_vfork}};
const Registered closing{
    {.name = "Boost.Process v1 limit_handles", .call = call_each<call_and_close>}};

}  // namespace
