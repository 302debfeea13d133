// SPDX-License-Identifier: BSL-1.0
// Bytes as the programs here and the scripts that drive them write them to each other.
#pragma once

#include <cstddef>
#include <string>

namespace parity {

inline std::string from_hex(const std::string& digits) {
    std::string bytes;
    for (std::size_t i = 1; i + 1 < digits.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

// With a letter before it, so that empty text is seen too.
inline std::string to_hex(const std::string& bytes) {
    constexpr const char* digits = "0123456789abcdef";
    std::string text = "x";
    for (const char c : bytes) {
        const auto byte = static_cast<unsigned char>(c);
        text += digits[byte / 16];
        text += digits[byte % 16];
    }
    return text;
}

}  // namespace parity
