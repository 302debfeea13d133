// SPDX-License-Identifier: BSL-1.0
// Prints its own name and its arguments, each ended by a NUL.

#include <cstring>

#include <unistd.h>

int main(int, char** argv) {
    for (; *argv != nullptr; ++argv) {
        const size_t size = std::strlen(*argv) + 1;
        for (size_t put = 0; put < size;) {
            const ssize_t more = ::write(1, *argv + put, size - put);
            if (more < 0) return 1;
            put += static_cast<size_t>(more);
        }
    }
}
