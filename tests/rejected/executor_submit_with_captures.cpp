// expect: a task's callable can't be sent to a worker: use a function, a lambda
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/futures/process_pool_executor.hpp"

int main() {
    pyproc::futures::ProcessPoolExecutor executor(1);
    int factor = 2;
    executor.submit([&factor](int n) { return n * factor; }, 1);
}
