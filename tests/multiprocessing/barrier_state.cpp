// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/barrier_state.hpp"

#include <chrono>

#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/posix/deadline.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;
using pyproc::posix::Deadline;

namespace {

auto make_state(int parties, unsigned places) {
    return make_shared_state_with<BarrierState>(BarrierState::space_for(places), parties,
                                                places);
}

}  // namespace

TEST_CASE("BarrierState: places are taken until there are no more, and again once left") {
    const auto state = make_state(2, 2);
    unsigned first = 0;
    unsigned second = 0;
    unsigned third = 0;
    CHECK(state->take_place(first));
    CHECK(state->take_place(second));
    CHECK(first != second);
    CHECK_FALSE(state->take_place(third));

    state->leave_place(first);

    CHECK(state->take_place(third));
    CHECK(third == first);
    state->leave_place(second);
    state->leave_place(third);
}

TEST_CASE("BarrierState: a place whose thread has died unused is taken again") {
    const auto state = make_state(1, 1);
    unsigned place = 0;
    CHECK(test::forked([&] { return state->take_place(place) ? 0 : 1; }) == 0);

    CHECK(state->take_place(place));

    state->leave_place(place);
}

TEST_CASE("BarrierState: when places run out, those of the dead are found") {
    const auto state = make_state(1, 1);
    const int code = test::forked([&] {
        unsigned place = 0;
        int index = -1;
        if (!state->take_place(place)) return 1;
        return state->wait(place, Deadline{}, false, index) == Passing::passed ? 0 : 2;
    });
    REQUIRE(code == 0);
    unsigned place = 0;

    CHECK(state->take_place(place));

    CHECK(state->is_broken());  // who was in the last round is expected again
    state->leave_place(place);
}

TEST_CASE("BarrierState: the last acts while the round is not over") {
    const auto state = make_state(1, 1);
    unsigned place = 0;
    int index = -1;
    REQUIRE(state->take_place(place));

    CHECK(state->wait(place, Deadline{}, true, index) == Passing::is_last);
    CHECK(index == 0);
    CHECK(state->n_waiting() == 0);
    CHECK(state->finish(place));
    CHECK(state->wait(place, Deadline{}, true, index) == Passing::is_last);
    state->reset();
    CHECK_FALSE(state->finish(place));
    CHECK(state->wait(place, Deadline{}, false, index) == Passing::passed);

    state->leave_place(place);
}
