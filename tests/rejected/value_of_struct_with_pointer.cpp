// expect: pyproc: a struct with a pointer, reference or view in it can't be shared
// SPDX-License-Identifier: BSL-1.0
#include <array>

#include "pyproc/multiprocessing/sharedctypes.hpp"

using namespace pyproc::multiprocessing;

struct Inner {
    char name[8];
    const char* text;
};
struct Outer {
    int number;
    std::array<Inner, 2> inner;
};

int main() {
    const RawArray<Outer> array(2);
    return array[0].number;
}
