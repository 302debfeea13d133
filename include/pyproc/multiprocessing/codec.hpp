// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <array>
#include <bit>
#include <climits>
#include <concepts>
#include <cstddef>
#include <limits>
#include <memory>
#include <type_traits>
#include <utility>

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/members.hpp"
#include "pyproc/multiprocessing/travels.hpp"

namespace pyproc::multiprocessing::detail {

/// The bytes that are written for what has none, since no encoding may be empty.
inline constexpr unsigned char nothing = 0;

template <class From>
void read_nothing(From& from) {
    unsigned char byte = nothing;
    from.read(&byte, 1);
    if (byte != nothing) throw DecodeError{"no value where one should begin"};
}

/// How many bytes each encoding has; 0 if not all have as many.
template <class T>
inline constexpr std::size_t fixed_size_of = Codec<T>::is_fixed ? Codec<T>::least : 0;

/// @throws DecodeError  The bytes, as many as an object has, are no value of a plain
/// type.
template <class T>
void check_plain(const std::byte* bytes) {
    static_assert(Codec<T>::is_plain);
    if constexpr (Codec<T>::is_checked) Codec<T>::check(bytes);
}

/// Makes an object of bytes which have been checked.
template <class T>
[[nodiscard]] T load(const std::byte* bytes) {
    static_assert(!std::is_const_v<T>);
    if constexpr (std::is_trivially_default_constructible_v<T>) {
        T value;
        std::memcpy(static_cast<void*>(std::addressof(value)), bytes, sizeof(T));
        return value;
    } else {
        std::array<std::byte, sizeof(T)> copy;
        std::memcpy(copy.data(), bytes, sizeof(T));
        return std::bit_cast<T>(copy);
    }
}

template <class T>
void write_value(FixedWriter& to, const T& value) {
    if constexpr (Codec<T>::is_plain) {
        to.write(std::addressof(value), sizeof(T));
    } else {
        Codec<T>::write(to, value);
    }
}

template <class T>
void write_value(Writer& to, const T& value) {
    if constexpr (Codec<T>::is_fixed) {
        // One question for room for all of it.
        if (std::byte* const place = to.claim(Codec<T>::least)) {
            FixedWriter fixed{place};
            write_value(fixed, value);
        }
    } else {
        Codec<T>::write(to, value);
    }
}

template <class T>
[[nodiscard]] T read_value(FixedReader& from) {
    if constexpr (std::is_const_v<T>) {
        return read_value<std::remove_const_t<T>>(from);
    } else if constexpr (Codec<T>::is_plain) {
        const std::byte* const bytes = from.take(sizeof(T));
        check_plain<T>(bytes);
        return load<T>(bytes);
    } else {
        return Codec<T>::read(from);
    }
}

template <class T>
[[nodiscard]] T read_value(Reader& from) {
    if constexpr (Codec<T>::is_fixed) {
        FixedReader fixed{from.take(Codec<T>::least)};
        return read_value<T>(fixed);
    } else {
        return Codec<T>::read(from);
    }
}

/// Reads in place of what is there, which may be a C array.
template <class T, class From>
void read_into(From& from, T& value) {
    if constexpr (std::is_array_v<T>) {
        for (auto& element : value) read_into(from, element);
    } else {
        value = read_value<T>(from);
    }
}

/// Puts a value in place of one that can't be assigned to.
template <class T>
void replace(T& old, std::remove_const_t<T>&& value) noexcept {
    auto* const place = const_cast<std::remove_const_t<T>*>(std::addressof(old));
    std::destroy_at(place);
    std::construct_at(place, std::move(value));
}

/// The same for a member of an object that nobody has seen yet and that is not const
/// itself: one that is const is replaced.
template <class T, class From>
void read_member_into(From& from, T& value) {
    if constexpr (std::is_array_v<T>) {
        for (auto& element : value) read_member_into(from, element);
    } else if constexpr (!std::is_move_assignable_v<T>) {
        replace(value, read_value<std::remove_const_t<T>>(from));
    } else {
        read_into(from, value);
    }
}

/// Whether a number can only be 0 or 1: a bool, or an enumeration made of one.
template <class T>
[[nodiscard]] consteval bool is_truth() {
    if constexpr (std::is_enum_v<T>) {
        return std::is_same_v<std::underlying_type_t<T>, bool>;
    } else {
        return std::is_same_v<T, bool>;
    }
}

/// Const ones, in a pair or a tuple.
template <HasCodec T>
struct Codec<const T> : Codec<T> {};

template <class T>
concept Scalar = !std::is_volatile_v<T> &&
                 (std::is_arithmetic_v<T> || (std::is_enum_v<T> && !HasSerializer<T>));

/// Numbers, characters, enumerations. An enumeration is taken as it is: which numbers
/// have names in it can't be asked.
template <Scalar T>
struct Codec<T> {
    using Parts = Types<>;
    // The long double of x86 has 10 bytes and then padding.
    static constexpr std::size_t least =
        std::numeric_limits<T>::digits == 64 && std::is_floating_point_v<T> ? 10
                                                                            : sizeof(T);
    static constexpr bool is_fixed = true;
    static constexpr bool is_plain = least == sizeof(T);
    static constexpr bool is_checked = is_truth<T>();

    static void check(const std::byte* bytes) {
        if (static_cast<unsigned char>(*bytes) > 1) {
            throw DecodeError{"a bool that is neither false nor true"};
        }
    }

    template <class To>
    static void write(To& to, const T& value) {
        to.write(&value, least);
    }

    template <class From>
    static T read(From& from) {
        T value{};
        from.read(&value, least);
        return value;
    }
};

/// C arrays, which only members can be.
template <class T, std::size_t n>
struct Codec<T[n]> {
    using Parts = Types<T>;
    static constexpr std::size_t least = n * Codec<T>::least;
    static constexpr bool is_fixed = Codec<T>::is_fixed;
    static constexpr bool is_plain = Codec<T>::is_plain;
    static constexpr bool is_checked = Codec<T>::is_checked;

    static void check(const std::byte* bytes) {
        for (std::size_t i = 0; i < n; ++i) check_plain<T>(bytes + i * sizeof(T));
    }

    template <class To>
    static void write(To& to, const T (&values)[n]) {
        for (const T& value : values) write_value(to, value);
    }
};

/// What has nothing in it: a byte, so that there is one.
template <class T>
struct StatelessCodec {
    using Parts = Types<>;
    static constexpr std::size_t least = 1;
    static constexpr bool is_fixed = true;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    template <class To>
    static void write(To& to, const T&) {
        to.write(&nothing, 1);
    }

    template <class From>
    static T read(From& from) {
        read_nothing(from);
        return T();
    }
};

template <class T>
concept EmptyClass = std::is_class_v<T> && Stateless<T> && !Customised<T>;

/// Classes with nothing in them, aggregates or not.
template <EmptyClass T>
struct Codec<T> : StatelessCodec<T> {};

/// What the members of an aggregate have in common.
template <class List>
struct Sum;

template <class... Ms>
struct Sum<Types<Ms...>> {
    static constexpr std::size_t least = (std::size_t{0} + ... + Codec<Ms>::least);
    static constexpr std::size_t size = (std::size_t{0} + ... + sizeof(Ms));
    static constexpr bool is_fixed = (Codec<Ms>::is_fixed && ...);
    static constexpr bool is_plain = (Codec<Ms>::is_plain && ...);
    static constexpr bool is_checked = (Codec<Ms>::is_checked || ...);
    static constexpr bool has_arrays = (std::is_array_v<Ms> || ...);

    static void check(const std::byte* bytes) {
        ((check_plain<Ms>(bytes), bytes += sizeof(Ms)), ...);
    }

    // Into a bit-field goes what came out of one, and what does not fit loses bits, which
    // -Wconversion warns of.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
    template <class T, class From>
    static T read(From& from) {
        return T{read_value<Ms>(from)...};  // in braces: from left to right
    }
#pragma GCC diagnostic pop
};

template <class T>
consteval bool has_real();
template <class... Parts>
consteval bool have_real(Types<Parts...>) {
    return (has_real<Parts>() || ...);
}

/// Whether there is a floating-point number in a plain type, of which the compiler then
/// can't say whether all bits count: two zeros are equal.
template <class T>
consteval bool has_real() {
    return std::is_floating_point_v<T> || have_real(typename Codec<T>::Parts{});
}

template <class T>
concept Aggregate = std::is_aggregate_v<T> && std::is_class_v<T> && !Customised<T> &&
                    !Stateless<T> && obstacle_in<T>() == Obstacle::none;

/// Aggregates, member by member. Padding is neither read nor sent: one that has some is
/// copied in pieces, one that has none as a whole.
template <Aggregate T>
struct Codec<T> {
    using Parts = MemberTypes<T>;
    static constexpr std::size_t least = Sum<Parts>::least;
    static constexpr bool is_fixed = Sum<Parts>::is_fixed;
    static constexpr bool is_checked = Sum<Parts>::is_checked;
    // Without padding, members begin where those before them end; that `check` relies on,
    // and bit-fields would not be found where it looks. They may have padding, too.
    static constexpr bool is_plain = [] {
        if constexpr (Sum<Parts>::is_plain && std::is_trivially_copyable_v<T> &&
                      Sum<Parts>::size == sizeof(T)) {
            return std::has_unique_object_representations_v<T> ||
                   (!is_checked && have_real(Parts{}));
        } else {
            return false;
        }
    }();

    static void check(const std::byte* bytes) { Sum<Parts>::check(bytes); }

    template <class To>
    static void write(To& to, const T& value) {
        visit_members(value,
                      [&to](const auto&... members) { (write_value(to, members), ...); });
    }

    template <class From>
    static T read(From& from) {
        if constexpr (Sum<Parts>::has_arrays || anatomy_of<T>.bases > 0) {
            T value{};
            visit_members(value, [&from](auto&... members) {
                (read_member_into(from, members), ...);
            });
            return value;
        } else {
            return Sum<Parts>::template read<T>(from);
        }
    }
};

template <class T>
concept WellSerialized = requires(Writer& writer, Reader& reader, const T& value) {
    Serializer<T>::write(writer, value);
    { Serializer<T>::read(reader) } -> std::same_as<T>;
};

/// Classes of which the user says how they travel.
template <Customised T>
struct Codec<T> {
    using Parts = Types<>;
    static constexpr std::size_t least = 1;
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = true;

    static void write(Writer& to, const T& value) {
        const auto level = to.enter(sizeof(T));
        to.write(&nothing, 1);
        if constexpr (HasSerializer<T>) {
            static_assert(
                WellSerialized<T>,
                "Serializer<T> needs `static void write(Writer&, const T&)` and "
                "`static T read(Reader&)`");
            Serializer<T>::write(to, value);
        } else {
            // One function does for both directions, so it can't be const.
            call_serialize(to, const_cast<T&>(value));
        }
    }

    static T read(Reader& from) {
        const auto level = from.enter(sizeof(T));
        read_nothing(from);
        if constexpr (HasSerializer<T>) {
            return Serializer<T>::read(from);
        } else {
            static_assert(
                requires { Access::make<T>(); },
                "serialize(Archive&) needs a class that can be made without "
                "arguments; specialise pyproc::multiprocessing::Serializer");
            T value = Access::make<T>();
            call_serialize(from, value);
            return value;
        }
    }

private:
    template <class Archive>
    static void call_serialize(Archive& archive, T& value) {
        if constexpr (SerializedInside<T, Archive>) {
            Access::serialize(archive, value);
        } else {
            serialize(archive, value);
        }
    }
};

}  // namespace pyproc::multiprocessing::detail

namespace pyproc::multiprocessing {

template <class... Ts>
Writer& Writer::operator()(const Ts&... values) {
    (require_travels<std::remove_all_extents_t<Ts>>(), ...);
    (detail::write_value(*this, values), ...);
    return *this;
}

template <class... Ts>
Reader& Reader::operator()(Ts&... values) {
    (require_travels<std::remove_all_extents_t<Ts>>(), ...);
    (detail::read_into(*this, values), ...);
    return *this;
}

template <class T>
T Reader::read() {
    require_travels<T>();
    return detail::read_value<T>(*this);
}

}  // namespace pyproc::multiprocessing
