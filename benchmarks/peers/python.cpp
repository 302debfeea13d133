// SPDX-License-Identifier: BSL-1.0
#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <string>
#include <string_view>

#include "peer.hpp"

namespace {

// One Python that stays, started at the first command.
void tell(const std::string& command) {
    using namespace pyproc::subprocess;
    static Popen python{{PYTHON, PYTHON_PEER}, {.std_in = PIPE, .std_out = PIPE}};
    python.std_in.write("[" + command + "]\n");
    python.std_in.flush();
    if (python.std_out.readline() != "done\n") std::abort();
}

std::string quoted(std::string_view text) {
    return '"' + std::string{text} + '"';
}

void call(int times, const char* program) {
    tell("\"call\", " + std::to_string(times) + ", " + quoted(program));
}

void check_output(int times, const char* program, std::size_t size) {
    tell("\"check_output\", " + std::to_string(times) + ", " + quoted(program) + ", " +
         std::to_string(size));
}

void communicate(int times, const char* program, std::string_view input) {
    tell("\"communicate\", " + std::to_string(times) + ", " + quoted(program) + ", " +
         std::to_string(input.size()));
}

void start_and_kill(int count, const char* program) {
    tell("\"start_and_kill\", " + std::to_string(count) + ", " + quoted(program));
}

void start_and_await(int count, const char* program) {
    tell("\"start_and_await\", " + std::to_string(count) + ", " + quoted(program));
}

void start_process(int times, bool by_server) {
    const std::string method = by_server ? "forkserver" : "fork";
    tell("\"start_process\", " + std::to_string(times) + ", " + quoted(method));
}

void call_on_threads(int threads, int times, const char* program) {
    tell("\"call_on_threads\", " + std::to_string(threads) + ", " +
         std::to_string(times) + ", " + quoted(program));
}

void take_on(const bench::Burden& burden) {
    tell("\"take_on\", " + std::to_string(burden.memory) + ", " +
         std::to_string(burden.descriptors) +
         (burden.are_close_on_exec ? ", true" : ", false"));
}

const bench::Registered python{{.name = "Python",
                                .call = call,
                                .check_output = check_output,
                                .communicate = communicate,
                                .start_and_kill = start_and_kill,
                                .start_and_await = start_and_await,
                                .start_process = start_process,
                                .call_on_threads = call_on_threads,
                                .take_on = take_on}};

}  // namespace
