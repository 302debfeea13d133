// expect: can't travel between processes: it has a base class with members
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

using namespace pyproc::multiprocessing;

struct Base {
    int number;
};
struct Derived : Base {
    int other;
};

int main() {
    require_travels<Derived>();
}
