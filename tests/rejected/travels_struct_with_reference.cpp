// expect: can't travel between processes: it has or is a pointer, reference or view; a
// reference means nothing SPDX-License-Identifier: BSL-1.0
#include <string>

#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

struct Task {
    int number;
    const std::string& text;
};

int main() {
    require_travels<Task>();
}
