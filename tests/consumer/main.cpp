// SPDX-License-Identifier: BSL-1.0
#include <pyproc/multiprocessing.hpp>
#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {
void greet(const std::string& who) {
    std::cout << "hello, " << who << std::endl;
}
}  // namespace

int main() {
    std::cout << pyproc::subprocess::check_output("date") << std::flush;

    pyproc::multiprocessing::Process process(greet, "process");
    process.start();
    process.join();

    return process.exitcode() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
