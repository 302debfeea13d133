// SPDX-License-Identifier: BSL-1.0
// Is another program than the other one.

#include <pyproc/mpi.hpp>

#include <exception>
#include <iostream>

int main(int argc, char** argv) try {
    pyproc::mpi::Session session(argc, argv);
} catch (const std::exception& error) {
    std::cerr << "stranger: " << error.what() << '\n';
    return 4;
}
