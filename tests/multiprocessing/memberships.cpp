// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/memberships.hpp"

#include <memory>
#include <thread>

#include "support/catch.hpp"
#include "support/forked.hpp"

using pyproc::multiprocessing::detail::Memberships;

namespace {

void leave(void* group, unsigned place) noexcept {
    *static_cast<unsigned*>(group) = place;
}

constexpr unsigned still_in = 77;

}  // namespace

TEST_CASE("Memberships: a thread has its place until it ends, and then leaves") {
    const auto group = std::make_shared<unsigned>(still_in);
    unsigned place = 0;
    unsigned left_by_then = 0;

    std::thread{[&] {
        Memberships::add(group, 5, leave);
        place = Memberships::place_in(group.get());
        left_by_then = *group;
    }}.join();

    CHECK(place == 5);
    CHECK(left_by_then == still_in);
    CHECK(*group == 5);
    CHECK(Memberships::place_in(group.get()) == Memberships::none);
}

TEST_CASE("Memberships: a forked child is no member, and leaves nothing by its end") {
    const auto group = std::make_shared<unsigned>(still_in);
    Memberships::add(group, 5, leave);

    CHECK(test::forked([&] {
              if (Memberships::place_in(group.get()) != Memberships::none) return 1;
              Memberships::leave_all();
              return *group == still_in ? 0 : 2;
          }) == 0);

    CHECK(Memberships::place_in(group.get()) == 5);
    Memberships::leave_all();
    CHECK(*group == 5);
    CHECK(group.use_count() == 1);
}

TEST_CASE("Memberships: groups that nobody else knows are left when one is joined") {
    static unsigned left = 0;
    auto forgotten = std::make_shared<unsigned>(0U);
    Memberships::add(forgotten, 5, [](void*, unsigned place) noexcept { left = place; });
    forgotten.reset();
    CHECK(left == 0);

    const auto other = std::make_shared<unsigned>(0U);
    Memberships::add(other, 6, leave);

    CHECK(left == 5);
    Memberships::leave_all();
}
