// expect: can't travel between processes: it may have a pointer, reference or view
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

int main() {
    int number = 0;
    const auto lambda = [&number] { ++number; };
    static_cast<void>(encode(lambda));
}
