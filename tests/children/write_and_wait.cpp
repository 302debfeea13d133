// SPDX-License-Identifier: BSL-1.0
// Prints its argument, if it has one, and then lives until its standard input ends.

#include <cstring>

#include <unistd.h>

int main(int argc, char** argv) {
    if (argc > 1 && ::write(1, argv[1], std::strlen(argv[1])) < 0) return 1;
    char byte;
    while (::read(0, &byte, 1) > 0) {
    }
}
