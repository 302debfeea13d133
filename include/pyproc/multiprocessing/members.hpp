// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <exception>
#include <type_traits>
#include <utility>

#include "pyproc/multiprocessing/member_table.hpp"

namespace pyproc::multiprocessing::detail {

/// A list of types.
template <class... Ts>
struct Types {};

// Never called, but defined: compilers that look for constants in braces go as far as to
// miss the definition, of types without linkage.

/// Initialises any member that a value of its type can initialise.
struct AnyValue {
    template <class U>
    operator U() const noexcept {
        std::terminate();
    }
};

/// Initialises any member that an object of its type can initialise; references too.
struct AnyObject {
    template <class U>
    operator U&() const noexcept {
        std::terminate();
    }
};

/// Initialises the base classes of T, and no member.
template <class T>
struct AnyBase {
    template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T>) operator U()
        const noexcept {
        std::terminate();
    }
};

/// Initialises the base classes of T that have no members.
template <class T>
struct AnyEmptyBase {
    template <class U>
    requires(std::is_base_of_v<U, T> && !std::is_same_v<U, T> && std::is_empty_v<U>)
    operator U() const noexcept {
        std::terminate();
    }
};

/// Initialises unions, those without a name too.
struct AnyUnion {
    template <class U>
    requires std::is_union_v<U>
    operator U() const noexcept { std::terminate(); }
};

/// Initialises only what takes anything, as a std::any does.
struct Stranger {};

template <class Initialiser, std::size_t>
using Repeated = Initialiser;

template <class T, class Initialiser, class... Rest, std::size_t... is>
consteval bool takes(std::index_sequence<is...>) {
    return requires {
        T{Repeated<Initialiser, is>{}..., Rest{}...};
    };
}

/// How many of these initialisers, which only bases should take, T takes at its start.
template <class T, class Initialiser, std::size_t known = 0>
consteval std::size_t count_bases() {
    using Before = std::make_index_sequence<known>;
    if constexpr (!takes<T, Initialiser, Initialiser>(Before{})) {
        return known;
    } else if constexpr (takes<T, Initialiser, Stranger>(Before{})) {
        return known;
    } else {
        return count_bases<T, Initialiser, known + 1>();
    }
}

/// How many of these initialisers, at most `limit`, T takes at once.
template <class T, class Initialiser, std::size_t limit>
consteval std::size_t most_taken() {
    if constexpr (limit == 0) {
        return 0;
    } else if constexpr (takes<T, Initialiser>(std::make_index_sequence<limit>{})) {
        return limit;
    } else {
        return most_taken<T, Initialiser, limit - 1>();
    }
}

/// Whether one of the first `count` members of T, or what it begins with, is a union.
template <class T, std::size_t count>
consteval bool has_union() {
    if constexpr (count == 0) {
        return false;
    } else if constexpr (takes_braces<T, count - 1, AnyUnion>() &&
                         !takes_braces<T, count - 1, Stranger>()) {
        return true;
    } else {
        return has_union<T, count - 1>();
    }
}

/// What stands in the way of taking an aggregate apart.
enum class Obstacle { none, reference, base_with_members, has_union, too_many, unknown };

/// How many base classes and members an aggregate has, and what it can't be asked.
struct Anatomy {
    std::size_t bases = 0;  ///< all of them empty, when there is no obstacle
    std::size_t members = 0;
    Obstacle obstacle = Obstacle::none;
};

/// Of an aggregate that has members which need an initialiser.
template <class T>
consteval Anatomy anatomy_without_default() {
    constexpr std::size_t members = most_taken<T, AnyValue, most_members + 1>();
    if constexpr (members == 0) {
        // Only an object can initialise a reference, and then no value can.
        constexpr bool has_reference = most_taken<T, AnyObject, most_members + 1>() > 0;
        return {.obstacle = has_reference ? Obstacle::reference : Obstacle::unknown};
    } else if constexpr (members > most_members) {
        return {.obstacle = Obstacle::too_many};
    } else if constexpr (count_braces<T>() >= members) {
        // A reference to const, which braces bind to a temporary.
        return {.obstacle = Obstacle::reference};
    } else if constexpr (takes<T, AnyBase<T>, AnyValue>(std::make_index_sequence<1>{})) {
        return {.obstacle = Obstacle::base_with_members};
    } else {
        return {.members = members};
    }
}

/// False only where there is none: a class with a reference has no standard layout, and
/// can't be assigned to.
template <class T>
consteval bool may_have_reference() {
    return !std::is_standard_layout_v<T> && !std::is_move_assignable_v<T>;
}

/// Whether after as many members as braces initialise there is one that only an object
/// can.
template <class T, std::size_t braced>
consteval bool has_unbraced_reference() {
    // Not in one expression: asking makes compilers instantiate copy constructors, and
    // that of std::vector is an error in its body when its elements can only be moved.
    if constexpr (may_have_reference<T>()) {
        return count_braces<T, AnyObject>() >= braced;
    } else {
        return false;
    }
}

template <class T>
consteval Anatomy anatomy() {
    if constexpr (!requires { T{}; }) {
        return anatomy_without_default<T>();
    } else {
        constexpr std::size_t all = count_braces<T>();
        constexpr std::size_t bases = count_bases<T, AnyBase<T>>();
        if constexpr (all > most_members) {
            return {.obstacle = Obstacle::too_many};
        } else if constexpr (bases != count_bases<T, AnyEmptyBase<T>>()) {
            return {.obstacle = Obstacle::base_with_members};
        } else if constexpr (has_unbraced_reference<T, all>()) {
            return {.obstacle = Obstacle::reference};
        } else if constexpr (has_union<T, all>()) {
            return {.obstacle = Obstacle::has_union};
        } else if constexpr (all < bases || (all == bases && !std::is_empty_v<T>) ||
                             (all > 0 && count_braces<T, AnyValue>() >= all)) {
            // A member with a default initialiser that braces can't stand in for.
            return {.obstacle = Obstacle::unknown};
        } else {
            return {.bases = bases, .members = all - bases};
        }
    }
}

template <class T>
inline constexpr Anatomy anatomy_of = anatomy<std::remove_cv_t<T>>();

/// Calls `visit` with the members of an aggregate, in order, as references.
template <class T, class Visit>
constexpr decltype(auto) visit_members(T& value, Visit visit) {
    static_assert(anatomy_of<T>.obstacle == Obstacle::none);
    if constexpr (anatomy_of<T>.members == 0) {
        return visit();
    } else {
        return visit_bindings<anatomy_of<T>.members>(value, visit);
    }
}

struct TypesOf {
    // By reference to const, which a bit-field binds to as well.
    template <class... Ms>
    constexpr Types<Ms...> operator()(const Ms&...) const {
        return {};
    }
};

/// The types of the members of an aggregate, without const.
template <class T>
using MemberTypes =
    decltype(visit_members(std::declval<const T&>(), std::declval<TypesOf>()));

struct AreAssignable {
    template <class... Ms>
    constexpr std::bool_constant<(std::is_move_assignable_v<Ms> && ...)> operator()(
        const Ms&...) const {
        return {};
    }
};

/// Whether an aggregate has a reference for a member, as far as can be told: if it can't
/// be assigned to, although its members can, then that is why. (A const member without a
/// standard layout around it looks the same.)
template <class T>
consteval bool has_reference() {
    if constexpr (anatomy_of<T>.obstacle != Obstacle::none) {
        return anatomy_of<T>.obstacle == Obstacle::reference;
    } else if constexpr (!may_have_reference<T>()) {
        return false;
    } else {
        return decltype(visit_members(std::declval<const T&>(),
                                      std::declval<AreAssignable>()))::value;
    }
}

}  // namespace pyproc::multiprocessing::detail
