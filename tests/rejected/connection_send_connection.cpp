// expect: can't travel between processes
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/connection.hpp"

int main() {
    pyproc::multiprocessing::Connection connection;
    const pyproc::multiprocessing::Connection other;
    connection.send(other);
}
