// SPDX-License-Identifier: BSL-1.0
#include <pyproc/os.hpp>
#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <iostream>

int main() {
    const auto here = pyproc::os::getcwd() + "\n";

    const auto there = pyproc::subprocess::check_output("pwd");

    std::cout << there;
    return here == there ? EXIT_SUCCESS : EXIT_FAILURE;
}
