// expect: can't travel between processes: it has or is a union
// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/serialize.hpp"

struct Number {
    char name[8];
    union {
        int whole;
        double real;
    };
};

int main() {
    return static_cast<int>(pyproc::multiprocessing::encoded_size(Number{}));
}
