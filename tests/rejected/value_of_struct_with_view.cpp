// expect: pyproc: a struct with a pointer, reference or view in it can't be shared
// SPDX-License-Identifier: BSL-1.0
#include <string_view>

#include "pyproc/multiprocessing/sharedctypes.hpp"

using namespace pyproc::multiprocessing;

struct Job {
    int number;
    std::string_view name;
};

int main() {
    const Value<Job> job;
    return job.value().number;
}
