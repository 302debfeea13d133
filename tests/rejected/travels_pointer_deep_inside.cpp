// expect: can't travel between processes: it has or is a pointer, reference or view; a
// pointer means nothing SPDX-License-Identifier: BSL-1.0
#include <map>
#include <optional>
#include <vector>

#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

struct Task {
    int number;
    char* texts[3];
};

int main() {
    require_travels<std::map<int, std::vector<std::optional<Task>>>>();
}
