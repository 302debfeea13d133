// expect: a pointer, reference or view can.t be shared
// SPDX-License-Identifier: BSL-1.0
#include <string_view>

#include "pyproc/multiprocessing/sharedctypes.hpp"

using namespace pyproc::multiprocessing;

int main() {
    Array<std::string_view> value(3);
}
