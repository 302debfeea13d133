// SPDX-License-Identifier: BSL-1.0
// A thousand children at once, started, awaited and reaped by one thread.
//
//     $ ./asyncio_many
//     [INFO] 1000 children are running
//     [INFO] 250 of them have ended
//     [INFO] 500 of them have ended
//     [INFO] 750 of them have ended
//     [INFO] 1000 of them have ended, and 1000 of these well

#include <pyproc/asyncio.hpp>

#include <boost/asio/detached.hpp>

#include <sys/resource.h>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <utility>
#include <vector>

namespace asio = boost::asio;
namespace asyncio = pyproc::asyncio;

constexpr int count = 1000;

struct Progress {
    int ended = 0;
    int ended_well = 0;

    void add(int returncode) {
        ++ended;
        if (returncode == 0) ++ended_well;
        if (ended % 250 != 0) return;
        std::cout << "[INFO] " << ended << " of them have ended";
        if (ended == count) std::cout << ", and " << ended_well << " of these well";
        std::cout << std::endl;
    }
};

asio::awaitable<void> watch(asyncio::Process child, Progress& progress) {
    progress.add(co_await child.wait());
}

/// Each child has one open pipe here and two descriptors that stand for its end; most
/// programs may have 1,024 unless they ask for more.
void allow_descriptors() {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int main() try {
    allow_descriptors();
    asio::io_context context{1};
    Progress progress;

    // cat(1) runs until its standard input ends.
    std::vector<asyncio::WriteStream> inputs;
    for (int i = 0; i < count; ++i) {
        auto child = asyncio::Process::start(context.get_executor(), {"cat"},
                                             {.std_in = asyncio::PIPE});
        inputs.push_back(std::move(child.std_in));
        asio::co_spawn(context, watch(std::move(child), progress), asio::detached);
    }
    std::cout << "[INFO] " << count << " children are running" << std::endl;
    inputs.clear();

    context.run();
} catch (const std::exception& error) {
    std::cerr << "asyncio_many: " << error.what() << '\n';
    return EXIT_FAILURE;
}
