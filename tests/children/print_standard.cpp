// SPDX-License-Identifier: BSL-1.0
// Writes what its standard descriptors are to the descriptor that its argument names: for
// each the device, the file's number and the access mode, or "closed".

#include <cstdio>
#include <cstdlib>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int, char** argv) {
    const int to = static_cast<int>(std::strtol(argv[1], nullptr, 10));
    for (int fd = 0; fd < 3; ++fd) {
        struct stat file {};
        if (::fstat(fd, &file) != 0) {
            ::dprintf(to, "closed ");
            continue;
        }
        ::dprintf(to, "%llu:%llu:%d ", static_cast<unsigned long long>(file.st_dev),
                  static_cast<unsigned long long>(file.st_ino),
                  ::fcntl(fd, F_GETFL) & O_ACCMODE);
    }
}
