// SPDX-License-Identifier: BSL-1.0
// Reads one question a line, its text in hexadecimal ("split 00 TEXT": comments and posix
// as digits; "quote TEXT"), and prints each answer's words in hexadecimal, or "ValueError
// TEXT".

#include <pyproc/shlex.hpp>

#include <iostream>
#include <string>

namespace {

std::string from_hex(const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 1; i + 1 < digits.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

// With a letter before it, so that empty text is seen too.
std::string to_hex(const std::string& bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text = "x";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte / 16];
        text += digits[byte % 16];
    }
    return text;
}

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
