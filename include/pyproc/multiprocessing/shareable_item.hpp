// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <compare>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "pyproc/errors.hpp"
#include "pyproc/unicode.hpp"

namespace pyproc::multiprocessing::shared_memory {

/// Bytes that are not text. Python: `bytes`.
struct Bytes {
    Bytes() = default;
    explicit Bytes(std::string bytes) : value{std::move(bytes)} {}

    std::string value;

    friend bool operator==(const Bytes&, const Bytes&) = default;
};

/// What a `ShareableList` holds: Python's `None`, `bool`, `int` of 64 bits, `float`,
/// `str` in UTF-8, `bytes`. `nullptr` is none of these: `None` is `std::monostate{}`.
using Item = std::variant<std::monostate, bool, std::int64_t, double, std::string, Bytes>;

/// Whether Python says that two items are equal: numbers are, if they have the same
/// value, whatever their types, and `true` is 1.
[[nodiscard]] inline bool are_equal(const Item& a, const Item& b) {
    const auto compare = [](const auto& left, const auto& right) {
        using Left = std::remove_cvref_t<decltype(left)>;
        using Right = std::remove_cvref_t<decltype(right)>;
        if constexpr (std::same_as<Left, Right>) {
            return left == right;
        } else if constexpr (std::integral<Left> && std::integral<Right>) {
            return std::int64_t{left} == std::int64_t{right};
        } else if constexpr (std::integral<Left> && std::floating_point<Right>) {
            // Not by converting the integer, which may round it. 2^63 is exact.
            return right >= -0x1p63 && right < 0x1p63 &&
                   static_cast<std::int64_t>(right) == std::int64_t{left} &&
                   static_cast<double>(static_cast<std::int64_t>(right)) == right;
        } else {
            return false;
        }
    };
    return std::visit(
        [&](const auto& left, const auto& right) {
            return compare(left, right) || compare(right, left);
        },
        a, b);
}

namespace detail {

/// What Python writes into a list beside an item's value: how to unpack it, for its
/// module `struct`, and what to make of it then.
struct ItemFormat {
    char text[8] = {};  ///< no terminator, if it is that long
    char code = 0;      ///< 0: as it is, 1: str, 2: bytes, 3: None

    [[nodiscard]] std::string_view view() const noexcept {
        std::string_view whole{text, sizeof text};
        while (whole.ends_with('\0')) whole.remove_suffix(1);
        return whole;
    }
};

inline constexpr std::size_t item_alignment = 8;
inline constexpr std::string_view integer_format = "q";
inline constexpr std::string_view float_format = "d";
inline constexpr std::string_view bool_format = "xxxxxxx?";
inline constexpr std::string_view none_format = "xxxxxx?x";

[[nodiscard]] inline ItemFormat make_format(std::string_view text, char code) {
    ItemFormat format;
    if (text.size() > sizeof format.text) {
        throw ValueError{"bytes/str item is too long for a ShareableList"};
    }
    text.copy(format.text, text.size());
    format.code = code;
    return format;
}

/// The bytes of an item that is a `str` or `bytes`, or `nullptr`.
[[nodiscard]] inline const std::string* bytes_of(const Item& item) noexcept {
    if (const auto* const text = std::get_if<std::string>(&item)) return text;
    const auto* const bytes = std::get_if<Bytes>(&item);
    return bytes != nullptr ? &bytes->value : nullptr;
}

/// The room that Python gives an item when it makes a list. Of a `str` it counts the
/// characters and cuts off what has no room then; we count its bytes.
[[nodiscard]] inline std::size_t room_for(const Item& item) noexcept {
    const std::string* const bytes = bytes_of(item);
    if (bytes == nullptr) return item_alignment;
    return item_alignment * (bytes->size() / item_alignment + 1);
}

/// The format of an item that has `room` bytes.
///
/// Bytes are unpacked by Python with the zeros behind them, which it then drops, along
/// with those of the item itself. Here an item that ends with zeros gets its own length
/// as the format's, and a space behind that. Python's `struct` skips the space; and
/// Python replaces a format which does not end with `s` by one of its own when it assigns
/// bytes, and so this one marks what was assigned here.
[[nodiscard]] inline ItemFormat format_of(const Item& item, std::size_t room) {
    if (const std::string* const bytes = bytes_of(item)) {
        const char code = std::holds_alternative<Bytes>(item) ? 2 : 1;
        if (!bytes->ends_with('\0')) return make_format(std::to_string(room) + 's', code);
        return make_format(std::to_string(bytes->size()) + "s ", code);
    }
    if (std::holds_alternative<std::monostate>(item)) return make_format(none_format, 3);
    if (std::holds_alternative<bool>(item)) return make_format(bool_format, 0);
    return make_format(
        std::holds_alternative<double>(item) ? float_format : integer_format, 0);
}

/// Refuses text that Python could not read.
inline void require_utf8(std::string_view text) {
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t length = decode_utf8(text.substr(at)).length;
        if (length == 0) {
            throw UnicodeDecodeError{"utf-8", std::string{text}, at, at + 1,
                                     "invalid data: not UTF-8"};
        }
        at += length;
    }
}

/// Writes the value of an item, as Python's `struct` does: zeros go before and after it.
inline void pack(const Item& item, std::span<std::byte> room) {
    std::memset(room.data(), 0, room.size());
    if (const std::string* const bytes = bytes_of(item)) {
        std::memcpy(room.data(), bytes->data(), bytes->size());
    } else if (const auto* const integer = std::get_if<std::int64_t>(&item)) {
        std::memcpy(room.data(), integer, sizeof *integer);
    } else if (const auto* const number = std::get_if<double>(&item)) {
        std::memcpy(room.data(), number, sizeof *number);
    } else if (const auto* const truth = std::get_if<bool>(&item)) {
        room[7] = std::byte{*truth};
    }
}

/// The bytes of an item of a format such as "16s", without the zeros behind it.
[[nodiscard]] inline std::string unpack_bytes(std::string_view format,
                                              std::span<const std::byte> room) {
    const bool is_exact = format.ends_with(' ');
    while (format.ends_with(' ')) format.remove_suffix(1);
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    std::size_t length = 0;
    std::size_t digits = 0;
    for (; digits < format.size() && is_digit(format[digits]); ++digits) {
        length = length * 10 + static_cast<std::size_t>(format[digits] - '0');
    }
    if (digits == 0 || format.substr(digits) != "s") {
        throw ValueError{"unknown format of an item in a ShareableList"};
    }
    if (length > room.size()) {
        throw ValueError{"an item in a ShareableList goes beyond its room"};
    }
    std::string bytes(length, '\0');
    if (length != 0) std::memcpy(bytes.data(), room.data(), length);
    if (!is_exact) bytes.erase(bytes.find_last_not_of('\0') + 1);
    return bytes;
}

/// Reads an item.
///
/// @param room  At least 8 bytes.
[[nodiscard]] inline Item unpack(const ItemFormat& format,
                                 std::span<const std::byte> room) {
    if (format.code == 3) return std::monostate{};
    const std::string_view text = format.view();
    if (text == integer_format) {
        std::int64_t integer = 0;
        std::memcpy(&integer, room.data(), sizeof integer);
        return integer;
    }
    if (text == float_format) {
        double number = 0;
        std::memcpy(&number, room.data(), sizeof number);
        return number;
    }
    if (text == bool_format) return room[7] != std::byte{};
    std::string bytes = unpack_bytes(text, room);
    if (format.code != 1) return Bytes{std::move(bytes)};
    require_utf8(bytes);
    return bytes;
}

}  // namespace detail

}  // namespace pyproc::multiprocessing::shared_memory
