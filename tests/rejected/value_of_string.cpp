// expect: only a trivially copyable type can be shared
// SPDX-License-Identifier: BSL-1.0
#include <string>

#include "pyproc/multiprocessing/sharedctypes.hpp"

using namespace pyproc::multiprocessing;

int main() {
    Value<std::string> value;
}
