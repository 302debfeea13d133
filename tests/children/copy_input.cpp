// SPDX-License-Identifier: BSL-1.0
// Copies its standard input to its standard output, and to standard error too if it has
// an argument.

#include <unistd.h>

int main(int argc, char**) {
    char piece[4096];
    for (;;) {
        const ssize_t got = ::read(0, piece, sizeof piece);
        if (got <= 0) return got < 0 ? 1 : 0;
        for (int to = 1; to <= (argc > 1 ? 2 : 1); ++to) {
            for (ssize_t put = 0; put < got;) {
                const ssize_t more =
                    ::write(to, piece + put, static_cast<size_t>(got - put));
                if (more < 0) return 2;
                put += more;
            }
        }
    }
}
