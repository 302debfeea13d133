// expect: an argument of a task can't be sent to a worker
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool.hpp"

int main() {
    pyproc::multiprocessing::Pool pool(1);
    int number = 1;
    pool.apply([](int* n) { return *n; }, &number);
}
