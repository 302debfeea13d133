// SPDX-License-Identifier: BSL-1.0
#include <pyproc/multiprocessing/listener.hpp>

#include <cstdlib>

int main() {
    using namespace pyproc::multiprocessing;
    Listener listener{{}, {.authkey = "secret"}};
    return listener.closed() ? EXIT_FAILURE : EXIT_SUCCESS;
}
