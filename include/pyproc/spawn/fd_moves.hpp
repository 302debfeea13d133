// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace pyproc::spawn {

/// Number of standard descriptors: 0, 1 and 2.
inline constexpr int standard_count = 3;

/// Stands for "leave this one as it is inherited".
inline constexpr int no_source = -1;

/// For each standard descriptor the one that is to take its place, or `no_source`. (Not
/// std::array: a header more for the compiler, and the child calls no functions.)
struct Sources {
    int of[standard_count];

    friend constexpr bool operator==(const Sources&, const Sources&) = default;
};

/// For each standard descriptor whether its source is a pipe that was made for the child.
struct PipeSources {
    bool of[standard_count];
};

/// One step of connecting the standard descriptors.
struct FdMove {
    enum class Kind {
        put,    ///< dup2(from, to)
        keep,   ///< `to` is already right: only make it survive exec
        save,   ///< remember a duplicate of `from`, which the next steps overwrite
        fetch,  ///< dup2(the remembered duplicate, to)
    };
    Kind kind;
    int from;
    int to;
};

/// Steps for connecting the standard descriptors; at most one `save` more than there are.
struct FdMoves {
    FdMove steps[standard_count + 1];  // not std::array: the child calls no functions
    int count;
};

/// In which order to duplicate so that no descriptor is overwritten before it has been
/// used.
///
/// A program may hand its own standard descriptors on crosswise (the child's output to
/// descriptor 2 and its errors to 1): then the moves form a ring, and one of them has to
/// be saved first. Two standard descriptors at most can form a ring of their own, and
/// three one ring, so one saved duplicate is always enough.
[[nodiscard]] constexpr FdMoves order_moves(Sources sources) noexcept {
    FdMoves moves{};
    const auto add = [&moves](FdMove move) { moves.steps[moves.count++] = move; };
    const auto source_of = [&sources](int to) -> int& { return sources.of[to]; };
    const auto is_still_needed = [&](int fd) {
        for (int to = 0; to < standard_count; ++to) {
            if (to != fd && source_of(to) == fd) return true;
        }
        return false;
    };
    constexpr int saved = -2;

    for (int to = 0; to < standard_count; ++to) {
        if (source_of(to) != to) continue;
        // dup2 onto itself changes nothing, FD_CLOEXEC included, so the stream would be
        // closed just as the program starts.
        add({FdMove::Kind::keep, to, to});
    }
    const auto is_done = [&](int to) {
        return source_of(to) == no_source || source_of(to) == to;
    };
    const auto finish = [&](int to) {
        const int from = source_of(to);
        add({from == saved ? FdMove::Kind::fetch : FdMove::Kind::put, from, to});
        source_of(to) = no_source;
    };
    for (;;) {
        int blocked = no_source;
        bool moved = false;
        for (int to = 0; to < standard_count; ++to) {
            if (is_done(to)) continue;
            if (is_still_needed(to)) {
                blocked = to;
            } else {
                finish(to);
                moved = true;
            }
        }
        if (moved) continue;
        if (blocked == no_source) return moves;
        add({FdMove::Kind::save, blocked, blocked});
        for (int to = 0; to < standard_count; ++to) {
            if (to != blocked && source_of(to) == blocked) source_of(to) = saved;
        }
    }
}

}  // namespace pyproc::spawn
