// expect: can't travel between processes: it is a C array
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

int main() {
    static_cast<void>(encode("text"));
}
