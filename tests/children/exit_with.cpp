// SPDX-License-Identifier: BSL-1.0
// Ends with the exit code that its argument names.

#include <cstdlib>

int main(int, char** argv) {
    return std::atoi(argv[1]);
}
