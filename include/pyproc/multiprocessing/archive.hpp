// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>

#include "pyproc/errors.hpp"

namespace pyproc::multiprocessing {

/// Bytes that are no value of the type they were to be read as: cut off, too long, or
/// with something in them that no writer writes. They came from another program, or from
/// memory that was damaged.
///
/// Python: `pickle.UnpicklingError`.
class DecodeError : public ValueError {
    using ValueError::ValueError;
};

namespace detail {

// Containers in containers may come as deep as the bytes say where a type holds itself,
// as a tree does, and each level takes some of the stack: for the calls, and for the
// object that is being read. Both together are far less than what overflows a stack of
// 8 MiB under sanitizers.
inline constexpr std::size_t deepest_nesting = 500;
inline constexpr std::size_t most_nested_bytes = std::size_t{2} * 1024 * 1024;

[[noreturn]] inline void throw_cut_off(std::size_t needed, std::size_t left) {
    throw DecodeError{"cut off: " + std::to_string(needed) + " bytes expected, and " +
                      std::to_string(left) + " left"};
}

[[noreturn]] inline void throw_too_long(std::size_t size, std::size_t room) {
    throw ValueError{"a value of " + std::to_string(size) +
                     " bytes or more does not fit into " + std::to_string(room)};
}

[[noreturn]] inline void throw_wrong_size(std::size_t size, std::size_t room) {
    throw ValueError{"a value of " + std::to_string(size) + " bytes for a place of " +
                     std::to_string(room)};
}

/// Writes where there is known to be room.
struct FixedWriter {
    std::byte* at;

    void write(const void* bytes, std::size_t size) noexcept {
        std::memcpy(at, bytes, size);
        at += size;
    }
};

/// Reads what is known to be there.
struct FixedReader {
    const std::byte* at;

    void read(void* bytes, std::size_t size) noexcept {
        std::memcpy(bytes, at, size);
        at += size;
    }

    [[nodiscard]] const std::byte* take(std::size_t size) noexcept {
        const std::byte* const taken = at;
        at += size;
        return taken;
    }
};

/// How deep something is, and what it is in.
struct Depth {
    std::size_t levels = 0;
    std::size_t bytes = 0;  ///< of the objects that are not whole yet
};

/// One level of containers and classes, for as long as it is being written or read.
template <class Error>
class Level {
public:
    /// @param size  Of the object that is in it; what it is in decides, so that one of
    /// any
    ///              size can be in an object.
    Level(Depth& depth, std::size_t size) : depth_{depth}, size_{size} {
        if (depth_.levels == deepest_nesting) {
            throw Error{"nested more than " + std::to_string(deepest_nesting) +
                        " levels deep"};
        }
        if (depth_.bytes > most_nested_bytes) {
            throw Error{"nested too deep for objects of " + std::to_string(size) +
                        " bytes"};
        }
        ++depth_.levels;
        depth_.bytes += size_;
    }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    ~Level() {
        --depth_.levels;
        depth_.bytes -= size_;
    }

private:
    Depth& depth_;
    std::size_t size_;
};

}  // namespace detail

/// Where values are written: into a span of the caller's, or nowhere, to count the bytes.
///
/// A `Serializer` and a `serialize` get one and hand it their members:
/// `writer(first, second)` or `writer & first & second`.
///
/// Threads: one at a time.
class Writer {
public:
    // As cereal's archives say what they are.
    using is_loading = std::false_type;
    using is_saving = std::true_type;

    /// Counts, and writes nothing.
    Writer() noexcept = default;

    /// Writes from the start of `to`.
    explicit Writer(std::span<std::byte> to) noexcept
        : to_{to.data()}, room_{to.size()}, counts_{false} {}

    Writer(const Writer&) = delete;
    Writer& operator=(const Writer&) = delete;

    /// Writes values one after the other; for each as many bytes as `encoded_size` says.
    ///
    /// @throws ValueError  There is not enough room, or values are nested too deep:
    ///                     more than 500 levels, or 2 MiB of objects in each other.
    template <class... Ts>
    Writer& operator()(const Ts&... values);

    template <class T>
    Writer& operator&(const T& value) {
        return (*this)(value);
    }

    /// Writes bytes as they are. The reader has to know how many there are.
    ///
    /// @throws ValueError  There is not enough room.
    void write(const void* bytes, std::size_t size) {
        std::byte* const place = claim(size);
        if (place != nullptr && size > 0) std::memcpy(place, bytes, size);
    }

    /// Makes the next `size` bytes the caller's to write.
    ///
    /// @return Where they are; null when bytes are only counted.
    /// @throws ValueError  There is not enough room.
    [[nodiscard]] std::byte* claim(std::size_t size) {
        if (counts_) {
            size_ += size;
            return nullptr;
        }
        if (size > room_ - size_) detail::throw_too_long(size_ + size, room_);
        std::byte* const place = to_ + size_;
        size_ += size;
        return place;
    }

    /// How many bytes have been written, or counted.
    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    /// For as long as it lives, what is written, of `size` bytes in memory, is one level
    /// deeper.
    [[nodiscard]] detail::Level<ValueError> enter(std::size_t size) {
        return detail::Level<ValueError>{depth_, size};
    }

private:
    std::byte* to_ = nullptr;
    std::size_t room_ = 0;
    std::size_t size_ = 0;
    detail::Depth depth_;
    bool counts_ = true;
};

/// Where values are read from. Trusts nothing: all that is read is there, or an error.
///
/// A `Serializer` gets one and asks it for members: `reader.read<int>()`, or
/// `reader(first, second)` for those that exist already.
///
/// Threads: one at a time.
class Reader {
public:
    using is_loading = std::true_type;
    using is_saving = std::false_type;

    explicit Reader(std::span<const std::byte> from) noexcept
        : at_{from.data()}, left_{from.size()} {}

    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// Reads values in the order in which they were written, in place of those there.
    ///
    /// @throws DecodeError  The bytes are no such values.
    template <class... Ts>
    Reader& operator()(Ts&... values);

    template <class T>
    Reader& operator&(T& value) {
        return (*this)(value);
    }

    /// Reads one value.
    ///
    /// @throws DecodeError  The bytes are no such value.
    template <class T>
    [[nodiscard]] T read();

    /// Reads as many bytes, as they are.
    ///
    /// @throws DecodeError  There are fewer.
    void read(void* bytes, std::size_t size) {
        const std::byte* const from = take(size);
        if (size > 0) std::memcpy(bytes, from, size);
    }

    /// Passes over as many bytes and says where they are.
    ///
    /// @throws DecodeError  There are fewer.
    [[nodiscard]] const std::byte* take(std::size_t size) {
        if (size > left_) detail::throw_cut_off(size, left_);
        const std::byte* const taken = at_;
        at_ += size;
        left_ -= size;
        return taken;
    }

    /// How many bytes have not been read yet.
    [[nodiscard]] std::size_t left() const noexcept { return left_; }

    /// For as long as it lives, what is read, of `size` bytes in memory, is one level
    /// deeper.
    [[nodiscard]] detail::Level<DecodeError> enter(std::size_t size) {
        return detail::Level<DecodeError>{depth_, size};
    }

private:
    const std::byte* at_;
    std::size_t left_;
    detail::Depth depth_;
};

}  // namespace pyproc::multiprocessing
