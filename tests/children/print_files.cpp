// SPDX-License-Identifier: BSL-1.0
// Writes, to the descriptor that its argument names, the first byte of each of its
// standard descriptors' files; '-' for one that is not open, '.' for one that is empty.

#include <cstdlib>

#include <fcntl.h>
#include <unistd.h>

int main(int, char** argv) {
    char names[] = "...";
    for (int fd = 0; fd < 3; ++fd) {
        if (::fcntl(fd, F_GETFD) < 0)
            names[fd] = '-';
        else if (::pread(fd, &names[fd], 1, 0) < 0)
            return 1;
    }
    return ::write(std::atoi(argv[1]), names, 3) == 3 ? 0 : 2;
}
