// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/codec.hpp"
#include "pyproc/multiprocessing/codec_containers.hpp"
#include "pyproc/multiprocessing/codec_values.hpp"
#include "pyproc/multiprocessing/travels.hpp"

/// Values as bytes, for other processes of the same program.
///
/// These travel with no code to write:
///
///     numbers, characters, bool, std::byte, enumerations
///     std::string and its like, std::filesystem::path
///     std::array, vector, deque, list, forward_list; set, map, multi... and
///     unordered_... std::optional, variant, monostate, pair, tuple; unique_ptr, by what
///     it owns std::chrono's durations, time points and dates; std::complex, std::bitset
///     classes with nothing in them
///     aggregates of these: structs of at most 40 members, C arrays too, whose base
///     classes have no members
///
/// Other classes do when there is a `Serializer` or a `serialize` for them. Pointers,
/// references and views do not, nor does what has one in it: that is a compile error. A
/// class that can't be looked into counts as one that may have one, even if it can be
/// copied byte by byte.
///
/// Both sides must be of one build: nothing in the bytes says what they are, and they are
/// in the machine's own order. A type without padding is copied in one piece, and so is a
/// row of such; one with padding is copied member by member, and its padding, which may
/// hold anything, is neither read nor sent.
///
/// Python: `pickle`, as far as `multiprocessing` uses it. Unlike there, reading hostile
/// bytes runs nobody's code.

namespace pyproc::multiprocessing {

/// How many bytes `encode` makes of each value of a type; 0 if that depends on the value.
template <class T>
inline constexpr std::size_t fixed_size = [] {
    require_travels<T>();
    return detail::fixed_size_of<T>;
}();

/// How many bytes `encode` makes of a value.
///
/// @throws ValueError  It can't be written: a variant without a value, or nested too
/// deep.
template <class T>
[[nodiscard]] std::size_t encoded_size(const T& value) {
    require_travels<T>();
    if constexpr (fixed_size<T> != 0) {
        return fixed_size<T>;
    } else {
        Writer counter;
        detail::write_value(counter, value);
        return counter.size();
    }
}

/// Writes a value into memory of the caller's, all of it and no more.
///
/// @param to  Of `encoded_size(value)` bytes.
/// @throws ValueError  `to` has another size, or the value can't be written; some of `to`
///                     may have been written by then.
template <class T>
void encode_into(std::span<std::byte> to, const T& value) {
    require_travels<T>();
    if constexpr (fixed_size<T> != 0) {
        if (to.size() != fixed_size<T>)
            detail::throw_wrong_size(fixed_size<T>, to.size());
        detail::FixedWriter writer{to.data()};
        detail::write_value(writer, value);
    } else {
        Writer writer{to};
        detail::write_value(writer, value);
        if (writer.size() != to.size()) {
            detail::throw_wrong_size(writer.size(), to.size());
        }
    }
}

/// A value as bytes.
///
/// @throws ValueError  It can't be written: a variant without a value, or nested too
/// deep;
///                     or its `Serializer` has not written as much as it has counted.
template <class T>
[[nodiscard]] std::vector<std::byte> encode(const T& value) {
    std::vector<std::byte> bytes(encoded_size(value));
    encode_into(bytes, value);
    return bytes;
}

/// The value that `encode` has made these bytes of.
///
/// The bytes need not be trusted. A length that is more than what is left is refused
/// before memory is asked for, and what is asked for grows with what has been read.
///
/// @throws DecodeError  They are no such value: cut off, with some left over, or with
///                      something in them that `encode` does not write, as a bool of 2.
template <class T>
[[nodiscard]] T decode(std::span<const std::byte> from) {
    require_travels<T>();
    Reader reader{from};
    T value = detail::read_value<T>(reader);
    if (reader.left() != 0) {
        throw DecodeError{std::to_string(reader.left()) + " bytes left over"};
    }
    return value;
}

}  // namespace pyproc::multiprocessing
