// SPDX-License-Identifier: BSL-1.0
// Reads one question a line, its text in hexadecimal ("split 00 TEXT": comments and posix
// as digits; "quote TEXT"), and prints each answer's words in hexadecimal, or "ValueError
// TEXT".

#include <pyproc/shlex.hpp>

#include <iostream>
#include <string>

#include "parity/hex.hpp"

namespace {

using parity::from_hex;
using parity::to_hex;

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    std::string question;
    std::string flags;
    std::string text;
    while (std::cin >> question) {
        if (question == "quote") {
            std::cin >> text;
            std::cout << to_hex(pyproc::shlex::quote(from_hex(text))) << '\n';
            continue;
        }
        std::cin >> flags >> text;
        try {
            const auto words =
                pyproc::shlex::split(from_hex(text), flags[0] == '1', flags[1] == '1');
            for (const std::string& word : words) std::cout << to_hex(word) << ' ';
        } catch (const pyproc::ValueError& error) {
            std::cout << "ValueError " << error.what();
        }
        std::cout << '\n';
    }
}
