// SPDX-License-Identifier: BSL-1.0
// Encodings that are whole, cut off and damaged. Sanitizers see what is read beyond one,
// since each is an allocation of just its size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <vector>

#include "pyproc/multiprocessing/serialize.hpp"
#include "support/catch.hpp"

namespace test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes_of(std::initializer_list<int> values) {
    Bytes bytes;
    for (const int value : values) bytes.push_back(static_cast<std::byte>(value));
    return bytes;
}

/// Decodes from memory that is `offset` bytes off any alignment.
template <class T>
T decode_at(std::size_t offset, std::span<const std::byte> bytes) {
    const auto memory = std::make_unique<std::byte[]>(bytes.size() + offset);
    if (!bytes.empty()) std::memcpy(memory.get() + offset, bytes.data(), bytes.size());
    return pyproc::multiprocessing::decode<T>({memory.get() + offset, bytes.size()});
}

/// The value that arrives, when it is sent; aligned or not.
template <class T>
T round_trip(const T& value) {
    const Bytes bytes = pyproc::multiprocessing::encode(value);
    CHECK(bytes.size() == pyproc::multiprocessing::encoded_size(value));
    CHECK(pyproc::multiprocessing::encode(decode_at<T>(1, bytes)).size() == bytes.size());
    return decode_at<T>(0, bytes);
}

/// Whether bytes are refused by a DecodeError, or are a value that can be sent in turn.
/// Any other exception fails the test.
template <class T>
bool is_refused(std::span<const std::byte> bytes) {
    try {
        const T value = decode_at<T>(0, bytes);
        REQUIRE(pyproc::multiprocessing::encoded_size(value) == bytes.size());
        const T again =
            pyproc::multiprocessing::decode<T>(pyproc::multiprocessing::encode(value));
        static_cast<void>(again);
        return false;
    } catch (const pyproc::multiprocessing::DecodeError&) {
        return true;
    }
}

/// Cuts an encoding off at every byte, and lets a byte follow it.
template <class T>
void check_every_length(const T& value) {
    Bytes bytes = pyproc::multiprocessing::encode(value);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        REQUIRE(is_refused<T>(std::span{bytes}.first(size)));
    }
    bytes.push_back(std::byte{0});
    REQUIRE(is_refused<T>(bytes));
}

/// Flips every bit of an encoding, one at a time.
template <class T>
void flip_every_bit(const T& value) {
    Bytes bytes = pyproc::multiprocessing::encode(value);
    for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
        const std::byte mask = std::byte{1} << (bit % 8);
        bytes[bit / 8] ^= mask;
        static_cast<void>(is_refused<T>(bytes));
        bytes[bit / 8] ^= mask;
    }
}

/// Decodes bytes of chance, most of them small so that they pass for lengths.
///
/// @return How many of `rounds` were a value.
template <class T>
int decode_anything(int rounds) {
    std::mt19937 random{20240229};
    const auto below = [&random](unsigned limit) {
        return static_cast<unsigned>(random()) % limit;
    };
    int values = 0;
    for (int round = 0; round < rounds; ++round) {
        Bytes bytes(below(4) == 0 ? below(200) : below(40));
        for (std::byte& byte : bytes) {
            const unsigned kind = below(8);
            const unsigned value = kind < 5 ? 0 : kind < 7 ? below(4) : below(256);
            byte = static_cast<std::byte>(value);
        }
        if (!is_refused<T>(bytes)) ++values;
    }
    return values;
}

}  // namespace test
