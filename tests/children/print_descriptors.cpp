// SPDX-License-Identifier: BSL-1.0
// Prints the numbers of its open descriptors up to 65535, with a blank after each.

#include <cstdio>

#include <fcntl.h>

int main() {
    for (int fd = 0; fd < 65536; ++fd) {
        if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
    }
}
