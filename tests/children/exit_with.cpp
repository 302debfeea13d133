// SPDX-License-Identifier: BSL-1.0
// Ends with the exit code that its argument names.

#include <cstdlib>

int main(int, char** argv) {
    return static_cast<int>(std::strtol(argv[1], nullptr, 10));
}
