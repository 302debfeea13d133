// expect: its_run_would_be_lost
// SPDX-License-Identifier: BSL-1.0
#include <utility>

#include "pyproc/multiprocessing/process.hpp"

using namespace pyproc::multiprocessing;

struct Worker : Process {
    void run() override {}
};

int main() {
    Worker worker;
    Process process = std::move(worker);
}
