// expect: can't travel between processes: it has or is a pointer
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/connection.hpp"

int main() {
    int number = 0;
    pyproc::multiprocessing::Connection connection;
    connection.send(&number);
}
