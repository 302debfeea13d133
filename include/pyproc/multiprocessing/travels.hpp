// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/members.hpp"

namespace pyproc::multiprocessing {

/// How a class of yours travels, when it is no aggregate: specialise this for it.
///
///     template <>
///     struct pyproc::multiprocessing::Serializer<Account> {
///         static void write(Writer& writer, const Account& account) {
///             writer(account.owner(), account.balance());
///         }
///         static Account read(Reader& reader) {
///             auto owner = reader.read<std::string>();
///             return Account{std::move(owner), reader.read<std::int64_t>()};
///         }
///     };
///
/// `write` is called twice, to count and to write, and must write as much each time.
/// `read` must read as much as that. An exception of either reaches the caller; throw
/// `DecodeError` for what no `write` has written. Neither can use the queue or the pool
/// that it is called for: that is a `std::logic_error`. The types that travel by
/// themselves can't be given another `Serializer`.
///
/// For a class that can be made without arguments there is a shorter way, cereal's: a
/// template `serialize`, of the class or beside it, that hands its members to an archive.
///
///     class Account {
///     public:
///         template <class Archive>
///         void serialize(Archive& archive) { archive(owner_, balance_); }
///     ...
///
/// It may be private where `pyproc::multiprocessing::Access` is a friend, and so may be
/// the constructor. `archive & owner_ & balance_` does the same.
template <class T>
struct Serializer;

/// What a class makes a friend so that its private `serialize` and constructor can be
/// used.
struct Access {
    template <class T, class Archive>
    requires requires(T& value, Archive& archive) { value.serialize(archive); }
    static void serialize(Archive& archive, T& value) { value.serialize(archive); }

    template <class T>
    requires requires { T(); }
    static T make() { return T(); }
};

namespace detail {

/// What the encoding of a type has if the type can't travel.
struct NoCodec {
    // So that a compiler's first complaint, which says what is wrong, is nearly its last.
    static constexpr std::size_t least = 1;
    static constexpr bool is_fixed = false;
    static constexpr bool is_plain = false;
    static constexpr bool is_checked = false;
};

/// How values of a type are written and read. The specialisations have:
///
///     Parts       the types that have to travel as well, as `Types<...>`
///     least       the fewest bytes an encoding has; never 0, so that a length is never
///                 more than the bytes that follow it
///     is_fixed    whether all encodings have as many
///     is_plain    whether the encoding is the object's own bytes, none of them padding
///     is_checked  whether some bytes are no value; if so, plain ones have a
///                 `check(bytes)` that throws
///     write(to, value), read(from)   where it is not plain
template <class T>
struct Codec : NoCodec {};

template <class T>
concept HasCodec = !std::is_base_of_v<NoCodec, Codec<T>>;

template <class T>
concept HasSerializer = requires {
    sizeof(Serializer<T>);
};

template <class T, class Archive>
concept SerializedInside = requires(T& value, Archive& archive) {
    Access::serialize(archive, value);
};

template <class T, class Archive>
concept SerializedBeside = requires(T& value, Archive& archive) {
    serialize(archive, value);
};

template <class T>
concept HasSerialize = std::is_class_v<T> &&
    ((SerializedInside<T, Writer> && SerializedInside<T, Reader>) ||
     (SerializedBeside<T, Writer> && SerializedBeside<T, Reader>));

/// Whether the user has said how a class travels.
template <class T>
concept Customised = HasSerializer<T> || HasSerialize<T>;

/// A class of which one object is as good as another.
template <class T>
concept Stateless = std::is_empty_v<T> && std::default_initializable<T> &&
    (std::is_trivially_copyable_v<T> || std::is_aggregate_v<T>);

/// Asked for where what is in an object would not be sent: a container's comparison.
template <class T>
struct MustBeStateless {
    MustBeStateless() = delete;
};

/// There is none.
struct Nobody {};

template <class T, class... Above>
consteval auto find_culprit();

template <class... Above>
consteval auto find_culprit_among(Types<>) {
    return std::type_identity<Nobody>{};
}

template <class... Above, class Part, class... Parts>
consteval auto find_culprit_among(Types<Part, Parts...>) {
    using Found = typename decltype(find_culprit<Part, Above...>())::type;
    if constexpr (std::is_same_v<Found, Nobody>) {
        return find_culprit_among<Above...>(Types<Parts...>{});
    } else {
        return std::type_identity<Found>{};
    }
}

/// Looks for a type that can't travel in T and all that T consists of.
///
/// @tparam Above  The types that T was found in: one that holds itself is not asked
/// twice.
template <class T, class... Above>
consteval auto find_culprit() {
    using Bare = std::remove_const_t<T>;
    if constexpr ((std::is_same_v<Bare, Above> || ...)) {
        return std::type_identity<Nobody>{};
    } else if constexpr (!HasCodec<Bare>) {
        return std::type_identity<T>{};
    } else {
        return find_culprit_among<Bare, Above...>(typename Codec<Bare>::Parts{});
    }
}

/// The first type in T that can't travel, or `Nobody`.
template <class T>
using Culprit = typename decltype(find_culprit<T>())::type;

template <class T>
inline constexpr bool is_pointer_like =
    std::is_pointer_v<T> || std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
    std::is_function_v<T>;

template <class T>
inline constexpr bool is_view = false;
template <class C, class Traits>
inline constexpr bool is_view<std::basic_string_view<C, Traits>> = true;
template <class T, std::size_t extent>
inline constexpr bool is_view<std::span<T, extent>> = true;
template <class T>
inline constexpr bool is_view<std::reference_wrapper<T>> = true;
template <class T>
inline constexpr bool is_view<std::initializer_list<T>> = true;

template <class T>
consteval Obstacle obstacle_in() {
    if constexpr (std::is_aggregate_v<T> && std::is_class_v<T>) {
        return has_reference<T>() ? Obstacle::reference : anatomy_of<T>.obstacle;
    } else {
        return Obstacle::none;
    }
}

/// Says what is wrong with a type, which the compiler names beside the message.
template <class T>
consteval void refuse() {
    constexpr Obstacle obstacle = obstacle_in<std::remove_const_t<T>>();
    constexpr bool is_known_fault = is_pointer_like<T> || is_view<T> ||
                                    std::is_reference_v<T> || std::is_array_v<T> ||
                                    std::is_union_v<T> || obstacle != Obstacle::none;
    static_assert(!is_pointer_like<T>,
                  "can't travel between processes: it has or is a pointer, reference or "
                  "view; a pointer means nothing in another process, so send what it "
                  "points to");
    static_assert(
        !std::is_reference_v<T> && obstacle != Obstacle::reference,
        "can't travel between processes: it has or is a pointer, reference or "
        "view; a reference means nothing in another process, so send the value");
    static_assert(!is_view<T>,
                  "can't travel between processes: it has or is a pointer, reference or "
                  "view; a view means nothing in another process, so send what it shows, "
                  "as a std::string or std::vector");
    static_assert(
        !std::is_array_v<T>,
        "can't travel between processes: it is a C array, which no function can "
        "return; send a std::array, or a struct with the array in it");
    static_assert(obstacle != Obstacle::base_with_members,
                  "can't travel between processes: it has a base class with members, "
                  "which can't be seen; specialise pyproc::multiprocessing::Serializer, "
                  "or make the base the first member");
    static_assert(obstacle != Obstacle::has_union && !std::is_union_v<T>,
                  "can't travel between processes: it has or is a union, which does not "
                  "tell what is in it; send a std::variant, or specialise "
                  "pyproc::multiprocessing::Serializer");
    static_assert(obstacle != Obstacle::too_many,
                  "can't travel between processes: it has more than 40 members; group "
                  "some in a struct, or specialise pyproc::multiprocessing::Serializer");
    static_assert(obstacle != Obstacle::unknown,
                  "can't travel between processes: its members can't be counted; "
                  "specialise pyproc::multiprocessing::Serializer for it");
    static_assert(is_known_fault,
                  "can't travel between processes: it may have a pointer, reference or "
                  "view, since it is a class whose members can't be seen; specialise "
                  "pyproc::multiprocessing::Serializer for it, or give it a "
                  "serialize(Archive&), or make it an aggregate");
}

}  // namespace detail

/// A type whose values can be sent to another process. Include `serialize.hpp` to ask.
template <class T>
concept Travels = std::same_as<detail::Culprit<T>, detail::Nobody> && !std::is_array_v<T>;

/// Does not compile for a type that can't travel, and says why: a pointer, reference or
/// view in it, or a class that can't be looked into. The compiler names the part in
/// question, as the type that `refuse` is instantiated with.
template <class T>
consteval void require_travels() {
    if constexpr (std::is_array_v<T>) {
        detail::refuse<T>();
    } else if constexpr (!Travels<T>) {
        detail::refuse<detail::Culprit<T>>();
    }
}

}  // namespace pyproc::multiprocessing
