// expect: can't travel between processes: it has or is a pointer, reference or view; a
// pointer means nothing SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

int main() {
    require_travels<int*>();
}
