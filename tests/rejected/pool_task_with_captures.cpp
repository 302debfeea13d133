// expect: a task's callable can't be sent to a worker: use a function, a lambda
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool.hpp"

int main() {
    pyproc::multiprocessing::Pool pool(1);
    int factor = 2;
    pool.apply([factor](int n) { return n * factor; }, 1);
}
