// expect: a pointer, reference or view can't be shared
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/sharedctypes.hpp"

using namespace pyproc::multiprocessing;

int main() {
    Value<int*> value;
}
