// expect: can't travel between processes: it has or is a pointer, reference or view; a
// pointer means nothing SPDX-License-Identifier: BSL-1.0
#include <string>

#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

struct Task {
    std::string name;
    const char* text;
};

int main() {
    static_cast<void>(encode(Task{"name", "text"}));
}
