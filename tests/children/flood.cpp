// SPDX-License-Identifier: BSL-1.0
// Writes as many bytes as its first argument says to the descriptor that its second one
// names; without end for -1.

#include <cstdlib>
#include <cstring>

#include <unistd.h>

int main(int, char** argv) {
    long long left = std::strtoll(argv[1], nullptr, 10);
    const int to = static_cast<int>(std::strtol(argv[2], nullptr, 10));
    char piece[65536];
    std::memset(piece, 'x', sizeof piece);
    while (left != 0) {
        const bool is_last = left > 0 && left < static_cast<long long>(sizeof piece);
        const size_t size = is_last ? static_cast<size_t>(left) : sizeof piece;
        const ssize_t put = ::write(to, piece, size);
        if (put < 0) return 1;
        if (left > 0) left -= put;
    }
}
