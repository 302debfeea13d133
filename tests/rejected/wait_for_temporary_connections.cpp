// expect: connections in a temporary are gone when wait returns
// SPDX-License-Identifier: BSL-1.0
#include <utility>
#include <vector>

#include "pyproc/multiprocessing/wait.hpp"

using namespace pyproc::multiprocessing;

int main() {
    std::vector<Connection> connections(1);
    return connection::wait(std::move(connections)).empty() ? 0 : 1;
}
