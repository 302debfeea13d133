// SPDX-License-Identifier: BSL-1.0
// Prints its environment, a variable a line.

#include <cstdio>

extern char** environ;

int main() {
    for (char** variable = environ; *variable != nullptr; ++variable)
        std::puts(*variable);
}
