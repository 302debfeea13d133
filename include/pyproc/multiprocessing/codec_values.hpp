// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <bitset>
#include <chrono>
#include <complex>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/codec.hpp"
#include "pyproc/multiprocessing/travels.hpp"

namespace pyproc::multiprocessing::detail {

template <class T, std::size_t n>
struct Codec<std::array<T, n>> {
    using Parts = Types<T>;
    static constexpr std::size_t least = n == 0 ? 1 : n * Codec<T>::least;
    static constexpr bool is_fixed = n == 0 || Codec<T>::is_fixed;
    static constexpr bool is_plain = n > 0 && Codec<T>::is_plain &&
                                     sizeof(std::array<T, n>) == n * sizeof(T);
    static constexpr bool is_checked = n == 0 || Codec<T>::is_checked;

    static void check(const std::byte* bytes) {
        for (std::size_t i = 0; i < n; ++i) check_plain<T>(bytes + i * sizeof(T));
    }

    template <class To>
    static void write(To& to, const std::array<T, n>& array) {
        if constexpr (n == 0) to.write(&nothing, 1);
        for (const T& element : array) write_value(to, element);
    }

    template <class From>
    static std::array<T, n> read(From& from) {
        if constexpr (n == 0) {
            read_nothing(from);
            return {};
        } else if constexpr (std::default_initializable<T> &&
                             std::is_move_assignable_v<T>) {
            std::array<T, n> array{};
            for (T& element : array) element = read_value<T>(from);
            return array;
        } else {
            return read_at_once(from, std::make_index_sequence<n>{});
        }
    }

private:
    template <class From, std::size_t... is>
    static std::array<T, n> read_at_once(From& from, std::index_sequence<is...>) {
        return {{(static_cast<void>(is), read_value<T>(from))...}};
    }
};

template <class A, class B>
struct Codec<std::pair<A, B>> {
    using Parts = Types<A, B>;
    static constexpr std::size_t least = Codec<A>::least + Codec<B>::least;
    static constexpr bool is_fixed = Codec<A>::is_fixed && Codec<B>::is_fixed;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    template <class To>
    static void write(To& to, const std::pair<A, B>& pair) {
        write_value(to, pair.first);
        write_value(to, pair.second);
    }

    template <class From>
    static std::pair<A, B> read(From& from) {
        return {read_value<A>(from), read_value<B>(from)};
    }
};

template <>
struct Codec<std::tuple<>> : StatelessCodec<std::tuple<>> {};

template <class... Ts>
struct Codec<std::tuple<Ts...>> {
    using Parts = Types<Ts...>;
    static constexpr std::size_t least = (Codec<Ts>::least + ...);
    static constexpr bool is_fixed = (Codec<Ts>::is_fixed && ...);
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    template <class To>
    static void write(To& to, const std::tuple<Ts...>& tuple) {
        std::apply([&to](const Ts&... members) { (write_value(to, members), ...); },
                   tuple);
    }

    template <class From>
    static std::tuple<Ts...> read(From& from) {
        return std::tuple<Ts...>{read_value<Ts>(from)...};
    }
};

/// Of what may be absent: a byte that says whether it is there.
template <class Maybe, class T>
struct MaybeCodec {
    using Parts = Types<T>;
    static constexpr std::size_t least = 1;
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    static void write(Writer& to, const Maybe& maybe) {
        const bool is_there = static_cast<bool>(maybe);
        write_value(to, is_there);
        if (!is_there) return;
        const auto level = to.enter(sizeof(T));
        write_value(to, *maybe);
    }
};

template <class T>
struct Codec<std::optional<T>> : MaybeCodec<std::optional<T>, T> {
    static std::optional<T> read(Reader& from) {
        if (!read_value<bool>(from)) return std::nullopt;
        const auto level = from.enter(sizeof(T));
        return std::optional<T>{std::in_place, read_value<T>(from)};
    }
};

/// What a pointer to it says all of: not a base class, where nothing would say what to
/// make.
template <class T>
concept Ownable =
    !std::is_array_v<T> && (!std::is_polymorphic_v<T> || std::is_final_v<T>);

/// An owner of what it points to, so the other process gets one of its own.
template <Ownable T>
struct Codec<std::unique_ptr<T>> : MaybeCodec<std::unique_ptr<T>, T> {
    static std::unique_ptr<T> read(Reader& from) {
        if (!read_value<bool>(from)) return nullptr;
        const auto level = from.enter(sizeof(T));
        return std::make_unique<T>(read_value<T>(from));
    }
};

template <class... Ts>
struct Codec<std::variant<Ts...>> {
    static_assert(sizeof...(Ts) <= 256, "a std::variant of more than 256 can't travel");

    using Parts = Types<Ts...>;
    static constexpr std::size_t least = 2;  // the index, and at least a byte
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;
    using Variant = std::variant<Ts...>;

    static void write(Writer& to, const Variant& variant) {
        if (variant.valueless_by_exception()) {
            throw ValueError{"a std::variant without a value can't travel"};
        }
        write_value(to, static_cast<std::uint8_t>(variant.index()));
        std::visit([&to](const auto& value) { write_value(to, value); }, variant);
    }

    static Variant read(Reader& from) {
        const std::size_t index = read_value<std::uint8_t>(from);
        if (index >= sizeof...(Ts)) {
            throw DecodeError{"alternative " + std::to_string(index) +
                              " of a std::variant of " + std::to_string(sizeof...(Ts))};
        }
        return read_alternative<0>(index, from);
    }

private:
    template <std::size_t i>
    static Variant read_alternative(std::size_t index, Reader& from) {
        using T = std::variant_alternative_t<i, Variant>;
        if constexpr (i + 1 < sizeof...(Ts)) {
            if (index != i) return read_alternative<i + 1>(index, from);
        }
        return Variant{std::in_place_index<i>, read_value<T>(from)};
    }
};

/// Times: their number.
template <class Time, class Number>
struct TimeCodec {
    using Parts = Types<Number>;
    static constexpr std::size_t least = Codec<Number>::least;
    static constexpr bool is_fixed = Codec<Number>::is_fixed;
    static constexpr bool is_plain =
        Codec<Number>::is_plain && std::is_trivially_copyable_v<Time>;
    static constexpr bool is_checked = Codec<Number>::is_checked;

    static void check(const std::byte* bytes) { check_plain<Number>(bytes); }

    template <class From>
    static Time read(From& from) {
        return Time{read_value<Number>(from)};
    }
};

template <class Rep, class Period>
struct Codec<std::chrono::duration<Rep, Period>>
    : TimeCodec<std::chrono::duration<Rep, Period>, Rep> {
    template <class To>
    static void write(To& to, const std::chrono::duration<Rep, Period>& duration) {
        write_value(to, duration.count());
    }
};

template <class Clock, class Duration>
struct Codec<std::chrono::time_point<Clock, Duration>>
    : TimeCodec<std::chrono::time_point<Clock, Duration>, Duration> {
    template <class To>
    static void write(To& to, const std::chrono::time_point<Clock, Duration>& time) {
        write_value(to, time.time_since_epoch());
    }
};

/// Calendar types, where they are numbers in a row; they may be no date, as `ok()` says.
template <class T>
concept Calendar = (std::same_as<T, std::chrono::day> ||
                    std::same_as<T, std::chrono::month> ||
                    std::same_as<T, std::chrono::year> ||
                    std::same_as<T, std::chrono::weekday> ||
                    std::same_as<T, std::chrono::month_day> ||
                    std::same_as<T, std::chrono::year_month_day>)&&std::
    is_trivially_copyable_v<T>&& std::has_unique_object_representations_v<T>;

template <Calendar T>
struct Codec<T> {
    using Parts = Types<>;
    static constexpr std::size_t least = sizeof(T);
    static constexpr bool is_fixed = true;
    static constexpr bool is_plain = true;
    static constexpr bool is_checked = false;
};

template <class T>
struct Codec<std::complex<T>> {
    using Parts = Types<T>;
    static constexpr std::size_t least = 2 * Codec<T>::least;
    static constexpr bool is_fixed = true;
    static constexpr bool is_plain = Codec<T>::is_plain;
    static constexpr bool is_checked = false;

    template <class To>
    static void write(To& to, const std::complex<T>& number) {
        write_value(to, number.real());
        write_value(to, number.imag());
    }

    template <class From>
    static std::complex<T> read(From& from) {
        const T real = read_value<T>(from);
        return {real, read_value<T>(from)};
    }
};

/// Eight to the byte.
template <std::size_t n>
struct Codec<std::bitset<n>> {
    using Parts = Types<>;
    static constexpr std::size_t least = n == 0 ? 1 : (n + 7) / 8;
    static constexpr bool is_fixed = true;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    template <class To>
    static void write(To& to, const std::bitset<n>& bits) {
        for (std::size_t byte = 0; byte < least; ++byte) {
            unsigned value = 0;
            for (std::size_t i = 8 * byte; i < 8 * byte + 8 && i < n; ++i) {
                if (bits[i]) value |= 1U << (i % 8);
            }
            const auto narrow = static_cast<unsigned char>(value);
            to.write(&narrow, 1);
        }
    }

    template <class From>
    static std::bitset<n> read(From& from) {
        std::bitset<n> bits;
        for (std::size_t byte = 0; byte < least; ++byte) {
            unsigned char value = 0;
            from.read(&value, 1);
            for (std::size_t i = 8 * byte; i < 8 * byte + 8; ++i) {
                if ((value >> (i % 8) & 1) == 0) continue;
                if (i >= n) throw DecodeError{"bits beyond the end of a std::bitset"};
                bits.set(i);
            }
        }
        return bits;
    }
};

/// std::filesystem::path and its like, known by their `native()` text, since <filesystem>
/// would be most of what including this costs.
template <class T>
concept PathLike = std::is_class_v<T> && !std::is_aggregate_v<T> && !Customised<T> &&
                   requires(const T& path) {
    typename T::string_type;
    { path.native() } -> std::same_as<const typename T::string_type&>;
    T(typename T::string_type());
};

template <PathLike T>
struct Codec<T> {
    using String = typename T::string_type;
    using Parts = Types<String>;
    static constexpr std::size_t least = sizeof(std::size_t);
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    static void write(Writer& to, const T& path) { write_value(to, path.native()); }
    static T read(Reader& from) { return T(read_value<String>(from)); }
};

}  // namespace pyproc::multiprocessing::detail
