// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

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

namespace detail {

template <class T>
concept Text =
    std::convertible_to<const T&, std::string_view> && !std::same_as<T, std::nullptr_t>;

template <class T>
concept Bytes = std::convertible_to<const T&, std::span<const std::byte>>;

template <class T>
concept HasRepr = requires(const T& value) {
    { value.repr() } -> std::convertible_to<std::string>;
};

// Characters of other encodings are neither numbers nor UTF-8, so they have no repr.
template <class T>
concept Integer = std::integral<T> && sizeof(T) <= sizeof(long long) &&
                  !std::same_as<T, wchar_t> && !std::same_as<T, char8_t> &&
                  !std::same_as<T, char16_t> && !std::same_as<T, char32_t>;

// A range that is its own element, as std::filesystem::path is, has no end as a list.
template <class T>
concept Path = requires(const T& path) {
    { path.native() } -> std::convertible_to<std::string_view>;
};

template <class T>
concept TupleLike = requires {
    std::tuple_size<T>::value;
};

// A set or a map has a key_type: Python writes those with braces, not as a list.
template <class T>
concept Sequence = !requires {
    typename T::key_type;
}
&&requires(const T& range) {
    range.begin() != range.end();
    *range.begin();
};

template <class T>
void append_repr(std::string& out, const T& value);

template <class T>
void append_tuple(std::string& out, const T& tuple) {
    out += '(';
    std::apply(
        [&](const auto&... elements) {
            std::size_t at = 0;
            ((out += at++ == 0 ? "" : ", ", append_repr(out, elements)), ...);
        },
        tuple);
    // Without the comma, Python would take it for an expression in parentheses.
    out += std::tuple_size_v<T> == 1 ? ",)" : ")";
}

template <class T>
void append_sequence(std::string& out, const T& range) {
    out += '[';
    bool is_first = true;
    for (const auto& element : range) {
        if (!is_first) out += ", ";
        is_first = false;
        append_repr(out, element);
    }
    out += ']';
}

template <class T>
void append_repr(std::string& out, const T& value) {
    if constexpr (HasRepr<T>) {
        out += value.repr();
    } else if constexpr (Path<T>) {
        out += "PosixPath(";
        append_text(out, std::string_view{value.native()});
        out += ')';
    } else if constexpr (Text<T>) {
        append_text(out, value);
    } else if constexpr (Bytes<T>) {
        const std::span<const std::byte> bytes = value;
        append_bytes(out, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    } else if constexpr (std::same_as<T, bool>) {
        out += value ? "True" : "False";
    } else if constexpr (std::same_as<T, char>) {
        append_text(out, {&value, 1});
    } else if constexpr (Integer<T>) {
        out += std::to_string(value);
    } else if constexpr (Sequence<T>) {
        append_sequence(out, value);
    } else {
        static_assert(TupleLike<T>,
                      "repr: not text, bytes, an integer, a tuple or a range of those, "
                      "and no member function repr()");
        append_tuple(out, value);
    }
}

}  // namespace detail

/// Python's repr of a value: `True`, `-15`, `(0, 'x')`, `(1,)`, `['ls', '-l']`,
/// `b'\x00'`.
///
/// - A range of `std::byte`, such as `std::span<const std::byte>`, is bytes.
/// - `bool` is `True` or `False`; every other integer is a number, `std::uint8_t` too;
///   but `char` is text of one character, since that is what it is for.
/// - A pair or a tuple is a tuple, any other range a list; both may nest.
/// - A path, that is anything with a `native()` string, is `PosixPath('/tmp')`.
/// - A class of another kind shows what its own member function `repr()` returns.
///
/// All else, floating point and maps among it, does not compile.
///
/// Python: `repr(object)`.
template <class T>
[[nodiscard]] std::string repr(const T& value) {
    std::string out;
    detail::append_repr(out, value);
    return out;
}

/// A list written out: `repr({"ls", "-l"})` is `['ls', '-l']`. Without this overload the
/// two pointers would be taken for the two ends of one string.
[[nodiscard]] inline std::string repr(std::initializer_list<std::string_view> list) {
    std::string out;
    detail::append_sequence(out, list);
    return out;
}

}  // namespace pyproc
