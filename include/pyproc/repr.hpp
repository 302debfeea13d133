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

#include "pyproc/text_repr.hpp"

namespace pyproc {

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
