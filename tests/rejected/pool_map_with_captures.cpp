// expect: a task's callable can't be sent to a worker: use a function, a lambda
// SPDX-License-Identifier: BSL-1.0
#include <vector>

#include "pyproc/multiprocessing/pool.hpp"

int main() {
    pyproc::multiprocessing::Pool pool(1);
    int sum = 0;
    pool.map([&sum](int n) { return sum += n; }, std::vector{1, 2});
}
