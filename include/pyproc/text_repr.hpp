// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pyproc/unicode.hpp"

namespace pyproc {

namespace detail {

/// Appends `\x`, `\u` or `\U` and so many hexadecimal digits of `value`.
inline void append_escape(std::string& out, char kind, std::size_t digits,
                          char32_t value) {
    constexpr std::string_view hexadecimal = "0123456789abcdef";
    out.append(1, '\\').append(1, kind);
    while (digits-- != 0) out += hexadecimal[(value >> (4 * digits)) & 0xfU];
}

/// Appends what text and bytes escape alike; false for what they leave to the caller.
inline bool append_common_escape(std::string& out, char byte, char quote) {
    switch (byte) {
        case '\t': out += "\\t"; return true;
        case '\n': out += "\\n"; return true;
        case '\r': out += "\\r"; return true;
        default: break;
    }
    if (byte != quote && byte != '\\') return false;
    out.append(1, '\\').append(1, byte);
    return true;
}

/// Python's choice: the quote that needs no escape, and if either does, the single one.
[[nodiscard]] inline char quote_for(std::string_view text) noexcept {
    const bool has_single = text.find('\'') != std::string_view::npos;
    const bool has_double = text.find('"') != std::string_view::npos;
    return has_single && !has_double ? '"' : '\'';
}

inline void append_code_point(std::string& out, std::string_view bytes,
                              char32_t code_point) {
    if (is_printable(code_point)) {
        out += bytes;
    } else if (code_point <= 0xff) {
        append_escape(out, 'x', 2, code_point);
    } else if (code_point <= 0xffff) {
        append_escape(out, 'u', 4, code_point);
    } else {
        append_escape(out, 'U', 8, code_point);
    }
}

inline void append_text(std::string& out, std::string_view text) {
    const char quote = quote_for(text);
    out += quote;
    while (!text.empty()) {
        const auto [code_point, length] = decode_utf8(text);
        if (length == 0) {
            // What Python's "surrogateescape" makes of each byte that is not UTF-8.
            const auto byte = static_cast<unsigned char>(text.front());
            append_escape(out, 'u', 4, 0xdc00U + byte);
        } else if (!append_common_escape(out, text.front(), quote)) {
            append_code_point(out, text.substr(0, length), code_point);
        }
        text.remove_prefix(length == 0 ? 1 : length);
    }
    out += quote;
}

inline void append_bytes(std::string& out, std::string_view bytes) {
    const char quote = quote_for(bytes);
    out.append(1, 'b').append(1, quote);
    for (const char byte : bytes) {
        if (append_common_escape(out, byte, quote)) continue;
        if (byte >= ' ' && byte <= '~') {
            out += byte;
        } else {
            append_escape(out, 'x', 2, static_cast<unsigned char>(byte));
        }
    }
    out += quote;
}

}  // namespace detail

/// Python's repr of text: `'it is'`, `"it's"`, `'two\nlines'`.
///
/// Text is UTF-8. Characters that are not printable are escaped, as `\x7f`, `\u2028` or
/// `\U000e0001`; a byte that is not part of UTF-8 shows as `\udcff` does in Python, which
/// decodes file names and output with "surrogateescape".
///
/// Python: `repr(str)`, as Python 3.11 answers it (see `is_printable`).
[[nodiscard]] inline std::string repr(std::string_view text) {
    std::string out;
    detail::append_text(out, text);
    return out;
}

/// Python's repr of bytes, which C++ keeps in strings too: `b'date\n'`, `b'\xff'`.
///
/// Python: `repr(bytes)`.
[[nodiscard]] inline std::string repr_bytes(std::string_view bytes) {
    std::string out;
    detail::append_bytes(out, bytes);
    return out;
}

}  // namespace pyproc
