// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>

// The one place where C++20 makes a table of what a later C++ says in a line: there are
// no packs in braces or in structured bindings. Boost.PFR has such a table too, but
// counts a C array as so many members and refuses base classes, empty ones too (1.81:
// `char name[16]` does not compile).

namespace pyproc::multiprocessing::detail {

inline constexpr std::size_t most_members = 40;

/// Whether `T{{}, {}, ..., Rest{}}` with `n` pairs of braces is valid, with `Rest` or
/// without.
///
/// A pair of braces initialises any member, a C array too, so that arrays of a mebibyte
/// count as fast as an int. Only for an aggregate of which `T{}` is valid.
template <class T, std::size_t n, class... Rest>
consteval bool takes_braces() {
    static_assert(n <= most_members + 1);
    // clang-format off
    if constexpr (n == 0) return requires { T{Rest{}...}; };
    else if constexpr (n == 1) return requires { T{{},Rest{}...}; };
    else if constexpr (n == 2) return requires { T{{},{},Rest{}...}; };
    else if constexpr (n == 3) return requires { T{{},{},{},Rest{}...}; };
    else if constexpr (n == 4) return requires { T{{},{},{},{},Rest{}...}; };
    else if constexpr (n == 5) return requires { T{{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 6) return requires { T{{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 7) return requires { T{{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 8) return requires { T{{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 9) return requires { T{{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 10) return requires { T{{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 11) return requires { T{{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 12) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 13) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 14) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 15) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 16) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 17) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 18) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 19) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},Rest{}...}; };
    else if constexpr (n == 20) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},Rest{}...}; };
    else if constexpr (n == 21) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},Rest{}...}; };
    else if constexpr (n == 22) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 23) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 24) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 25) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 26) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 27) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 28) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 29) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 30) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 31) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 32) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 33) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 34) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 35) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 36) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 37) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 38) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},Rest{}...}; };
    else if constexpr (n == 39) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 40) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    else if constexpr (n == 41) return requires { T{{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},{},
        {},Rest{}...}; };
    // clang-format on
}

/// How many braces `T{{}, {}, ..., Rest{}}` takes, with `Rest` or without: without, that
/// is how many base classes and members T has; `most_members + 1` if more than that.
///
/// @tparam known  So many are taken.
template <class T, std::size_t known, class... Rest>
consteval std::size_t count_braces_from() {
    if constexpr (known > most_members) {
        return known;
    } else if constexpr (takes_braces<T, known + 1, Rest...>()) {
        return count_braces_from<T, known + 1, Rest...>();
    } else {
        return known;
    }
}
template <class T, class... Rest>
consteval std::size_t count_braces() {
    return count_braces_from<T, 0, Rest...>();
}

/// Calls `visit` with the `count` members of an aggregate as references.
template <std::size_t count, class T, class Visit>
constexpr decltype(auto) visit_bindings(T& value, Visit visit) {
    static_assert(count >= 1 && count <= most_members);
    // clang-format off
    if constexpr (count == 1) {
        auto& [a] = value;
        return visit(a);
    } else if constexpr (count == 2) {
        auto& [a, b] = value;
        return visit(a, b);
    } else if constexpr (count == 3) {
        auto& [a, b, c] = value;
        return visit(a, b, c);
    } else if constexpr (count == 4) {
        auto& [a, b, c, d] = value;
        return visit(a, b, c, d);
    } else if constexpr (count == 5) {
        auto& [a, b, c, d, e] = value;
        return visit(a, b, c, d, e);
    } else if constexpr (count == 6) {
        auto& [a, b, c, d, e, f] = value;
        return visit(a, b, c, d, e, f);
    } else if constexpr (count == 7) {
        auto& [a, b, c, d, e, f, g] = value;
        return visit(a, b, c, d, e, f, g);
    } else if constexpr (count == 8) {
        auto& [a, b, c, d, e, f, g, h] = value;
        return visit(a, b, c, d, e, f, g, h);
    } else if constexpr (count == 9) {
        auto& [a, b, c, d, e, f, g, h, i] = value;
        return visit(a, b, c, d, e, f, g, h, i);
    } else if constexpr (count == 10) {
        auto& [a, b, c, d, e, f, g, h, i, j] = value;
        return visit(a, b, c, d, e, f, g, h, i, j);
    } else if constexpr (count == 11) {
        auto& [a, b, c, d, e, f, g, h, i, j, k] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k);
    } else if constexpr (count == 12) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l);
    } else if constexpr (count == 13) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m);
    } else if constexpr (count == 14) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n);
    } else if constexpr (count == 15) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o);
    } else if constexpr (count == 16) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p);
    } else if constexpr (count == 17) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q);
    } else if constexpr (count == 18) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r);
    } else if constexpr (count == 19) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s);
    } else if constexpr (count == 20) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t);
    } else if constexpr (count == 21) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u);
    } else if constexpr (count == 22) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u,
            v] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v);
    } else if constexpr (count == 23) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w);
    } else if constexpr (count == 24) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w,
            x] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x);
    } else if constexpr (count == 25) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y);
    } else if constexpr (count == 26) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z);
    } else if constexpr (count == 27) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa);
    } else if constexpr (count == 28) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab);
    } else if constexpr (count == 29) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac);
    } else if constexpr (count == 30) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad);
    } else if constexpr (count == 31) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae);
    } else if constexpr (count == 32) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af);
    } else if constexpr (count == 33) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag);
    } else if constexpr (count == 34) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah);
    } else if constexpr (count == 35) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai);
    } else if constexpr (count == 36) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj);
    } else if constexpr (count == 37) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak);
    } else if constexpr (count == 38) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al);
    } else if constexpr (count == 39) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am);
    } else if constexpr (count == 40) {
        auto& [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v, w, x,
            y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an] = value;
        return visit(a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,
            w, x, y, z, aa, ab, ac, ad, ae, af, ag, ah, ai, aj, ak, al, am, an);
    }  // clang-format on
}

}  // namespace pyproc::multiprocessing::detail
