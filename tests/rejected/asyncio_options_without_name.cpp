// expect: deleted function
// SPDX-License-Identifier: BSL-1.0
#include <pyproc/asyncio/run.hpp>

using namespace pyproc::asyncio;

asio::awaitable<void> start() {
    co_await create_subprocess_exec("true", Options{.std_out = PIPE});
}
