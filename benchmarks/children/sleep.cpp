// SPDX-License-Identifier: BSL-1.0
// Sleeps until it is killed.

#include <unistd.h>

int main() {
    return ::pause();
}
