// expect: what a task returns can't be sent back from a worker
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/pool.hpp"

int main() {
    pyproc::multiprocessing::Pool pool(1);
    pool.apply([](int n) { return new int{n}; }, 1);
}
