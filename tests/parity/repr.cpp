// SPDX-License-Identifier: BSL-1.0
// Reads strings, one a line in hexadecimal; writes two lines for each: our repr of it as
// text and as bytes. No repr has a line end in it.

#include "pyproc/repr.hpp"

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

std::string from_hexadecimal(const std::string& digits) {
    std::string bytes;
    for (std::size_t at = 0; at + 1 < digits.size(); at += 2) {
        bytes += static_cast<char>(std::stoi(digits.substr(at, 2), nullptr, 16));
    }
    return bytes;
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const std::string bytes = from_hexadecimal(line);
        std::cout << pyproc::repr(bytes) << '\n' << pyproc::repr_bytes(bytes) << '\n';
    }
    return std::cout.flush() ? EXIT_SUCCESS : EXIT_FAILURE;
}
