// SPDX-License-Identifier: BSL-1.0
// Prints 256 MiB, in pieces of the size that cat takes.

#include <algorithm>
#include <array>
#include <cstddef>

#include <unistd.h>

int main() {
    static std::array<char, 128 * 1024> piece;
    std::fill(piece.begin(), piece.end(), 'x');
    for (std::size_t left = std::size_t{256} << 20; left > 0;) {
        const ssize_t put = ::write(1, piece.data(), std::min(left, piece.size()));
        if (put < 0) return 1;
        left -= static_cast<std::size_t>(put);
    }
}
