// SPDX-License-Identifier: BSL-1.0
// Prints 30 bytes.

#include <unistd.h>

int main() {
    return ::write(1, "thirty bytes, the last a line\n", 30) == 30 ? 0 : 1;
}
