// expect: the task can't be called with these arguments
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "pyproc/multiprocessing/pool.hpp"

int main() {
    pyproc::multiprocessing::Pool pool(1);
    pool.apply([](int n) { return n; }, std::string{"one"});
}
