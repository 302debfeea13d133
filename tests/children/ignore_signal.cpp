// SPDX-License-Identifier: BSL-1.0
// Ignores the signal that its argument names, prints "ready" with a newline, and then
// lives until its standard input ends.

#include <csignal>
#include <cstdlib>

#include <unistd.h>

int main(int, char** argv) {
    std::signal(std::atoi(argv[1]), SIG_IGN);
    if (::write(1, "ready\n", 6) < 0) return 1;
    char byte;
    while (::read(0, &byte, 1) > 0) {
    }
}
