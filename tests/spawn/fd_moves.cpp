// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/fd_moves.hpp"

#include <map>

#include "support/catch.hpp"

using namespace pyproc::spawn;

namespace {

/// Carries the steps out on a table of which file each descriptor is, instead of on a
/// process's own.
std::map<int, int> carried_out(const FdMoves& moves, std::map<int, int> table) {
    int saved = -1;
    for (int i = 0; i < moves.count; ++i) {
        const FdMove& move = moves.steps[i];
        switch (move.kind) {
            case FdMove::Kind::put: table[move.to] = table.at(move.from); break;
            case FdMove::Kind::keep: break;
            case FdMove::Kind::save: saved = table.at(move.from); break;
            case FdMove::Kind::fetch: table[move.to] = saved; break;
        }
    }
    return table;
}

/// In the beginning each descriptor is a file of its own number.
const std::map<int, int> each_its_own{{0, 0}, {1, 1}, {2, 2}, {3, 3}, {4, 4}, {5, 5}};

}  // namespace

TEST_CASE("order_moves: nothing to move is no step") {
    STATIC_REQUIRE(order_moves({no_source, no_source, no_source}).count == 0);
}

TEST_CASE("order_moves: one move is one step") {
    constexpr FdMoves moves = order_moves({no_source, 4, no_source});

    STATIC_REQUIRE(moves.count == 1);
    STATIC_REQUIRE(moves.steps[0].kind == FdMove::Kind::put);
    STATIC_REQUIRE(moves.steps[0].from == 4);
    STATIC_REQUIRE(moves.steps[0].to == 1);
}

TEST_CASE("order_moves: a descriptor that is its own source is made to survive exec") {
    constexpr FdMoves moves = order_moves({no_source, 1, no_source});

    STATIC_REQUIRE(moves.count == 1);
    STATIC_REQUIRE(moves.steps[0].kind == FdMove::Kind::keep);
}

TEST_CASE("order_moves: only a ring needs a duplicate saved") {
    const auto saves = [](Sources sources) {
        const FdMoves moves = order_moves(sources);
        int count = 0;
        for (int i = 0; i < moves.count; ++i) {
            count += moves.steps[i].kind == FdMove::Kind::save ? 1 : 0;
        }
        return count;
    };

    CHECK(saves({1, 2, 5}) == 0);
    CHECK(saves({no_source, 2, 1}) == 1);
    CHECK(saves({1, 2, 0}) == 1);
    CHECK(saves({2, 0, 1}) == 1);
}

TEST_CASE("order_moves: whatever the sources, each stream ends up with its own") {
    for (int in = no_source; in <= 5; ++in) {
        for (int out = no_source; out <= 5; ++out) {
            for (int err = no_source; err <= 5; ++err) {
                const auto table = carried_out(order_moves({in, out, err}), each_its_own);

                INFO(in << " " << out << " " << err);
                REQUIRE(table.at(0) == (in == no_source ? 0 : in));
                REQUIRE(table.at(1) == (out == no_source ? 1 : out));
                REQUIRE(table.at(2) == (err == no_source ? 2 : err));
            }
        }
    }
}
