// SPDX-License-Identifier: BSL-1.0
// Writes its first argument to its standard output, and its second to standard error.

#include <cstring>

#include <unistd.h>

int main(int, char** argv) {
    if (::write(1, argv[1], std::strlen(argv[1])) < 0) return 1;
    if (::write(2, argv[2], std::strlen(argv[2])) < 0) return 2;
}
