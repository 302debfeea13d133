// expect: can't travel between processes: it has or is a pointer, reference or view
// SPDX-License-Identifier: BSL-1.0
#include <string_view>

#include "pyproc/multiprocessing/connection.hpp"

int main() {
    pyproc::multiprocessing::Connection connection;
    static_cast<void>(connection.recv<std::string_view>());
}
