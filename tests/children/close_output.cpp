// SPDX-License-Identifier: BSL-1.0
// Closes its standard output and standard error and lives until its standard input ends.

#include <unistd.h>

int main() {
    ::close(1);
    ::close(2);
    char byte;
    while (::read(0, &byte, 1) > 0) {
    }
}
