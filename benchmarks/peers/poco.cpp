// SPDX-License-Identifier: BSL-1.0
#include <Poco/Pipe.h>
#include <Poco/PipeStream.h>
#include <Poco/Process.h>
#include <Poco/StreamCopier.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "peer.hpp"

namespace {

void call(const char* program) {
    const Poco::ProcessHandle child = Poco::Process::launch(program, {});
    if (child.wait() != 0) std::abort();
}

std::string read_all(Poco::Pipe& pipe) {
    Poco::PipeInputStream stream{pipe};
    std::string output;
    Poco::StreamCopier::copyToString(stream, output, 64 * 1024);
    return output;
}

std::string check_output(const char* program) {
    Poco::Pipe out;
    const Poco::ProcessHandle child =
        Poco::Process::launch(program, {}, nullptr, &out, nullptr);
    std::string output = read_all(out);
    if (child.wait() != 0) std::abort();
    return output;
}

std::string communicate(const char* program, std::string_view input) {
    Poco::Pipe in;
    Poco::Pipe out;
    const Poco::ProcessHandle child =
        Poco::Process::launch(program, {}, &in, &out, nullptr);
    std::thread writer{[&in, input]() mutable {
        while (!input.empty()) {
            const int put = in.writeBytes(input.data(), static_cast<int>(input.size()));
            input.remove_prefix(static_cast<std::size_t>(put));
        }
        in.close();
    }};
    std::string output = read_all(out);
    writer.join();
    if (child.wait() != 0) std::abort();
    return output;
}

void start_and_kill(int count, const char* program) {
    std::vector<Poco::ProcessHandle> children;
    for (int i = 0; i < count; ++i) {
        children.push_back(Poco::Process::launch(program, {}));
    }
    for (const auto& child : children) Poco::Process::kill(child.id());
    for (const auto& child : children) static_cast<void>(child.wait());
}

using namespace bench;

const Registered poco{{.name = "Poco",
                       .call = call_each<call>,
                       .check_output = check_output_each<check_output>,
                       .communicate = communicate_each<communicate>,
                       .start_and_kill = start_and_kill}};

}  // namespace
