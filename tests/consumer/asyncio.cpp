// SPDX-License-Identifier: BSL-1.0
#include <pyproc/asyncio.hpp>

#include <cstdlib>
#include <string>
#include <vector>

int main() {
    using namespace pyproc::asyncio;
    const int returncode = run([]() -> boost::asio::awaitable<int> {
        Process child = co_await create_subprocess_shell("exit 3");
        co_return co_await child.wait();
    }());

    asio::io_context context;
    const std::vector<std::string> words{"-c", "exit 4"};
    boost::process::v2::process process{launcher{}(context, "/bin/sh", words)};

    return returncode == 3 && process.wait() == 4 ? EXIT_SUCCESS : EXIT_FAILURE;
}
