// expect: can't travel between processes: it is a C array
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/connection.hpp"

int main() {
    pyproc::multiprocessing::Connection connection;
    connection.send("hello");
}
