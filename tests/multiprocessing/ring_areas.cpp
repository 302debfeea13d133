// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/ring_areas.hpp"

#include "support/catch.hpp"

using Areas = pyproc::multiprocessing::detail::RingAreas;

namespace {

constexpr std::uint64_t mib = 1 << 20;
constexpr std::uint64_t capacity = 4 * mib;

}  // namespace

TEST_CASE("RingAreas: a position is an area, which start over, and an offset") {
    const Areas::Position at = Areas::pack(65'535, 17);

    CHECK(Areas::area(at) == 65'535);
    CHECK(Areas::offset(at) == 17);
    CHECK(Areas::next_area(at) == 0);
    CHECK(Areas::page_of(4097) == 4096);
    CHECK(Areas::page_after(4097) == 8192);
    CHECK(Areas::page_after(4096) == 4096);
}

TEST_CASE("RingAreas: messages follow each other until there is much room before them") {
    const Areas areas{capacity};

    const auto follows = areas.find_place(Areas::pack(7, mib), Areas::pack(7, 1000), 100);
    const auto starts =
        areas.find_place(Areas::pack(7, 2 * mib), Areas::pack(7, mib), 100);

    CHECK(follows.is_found);
    CHECK(follows.at == Areas::pack(7, mib));
    CHECK(starts.is_found);
    CHECK(starts.at == Areas::pack(8, 0));
}

TEST_CASE("RingAreas: where nothing is left to be read, all the memory is free") {
    const Areas areas{capacity};
    const Areas::Position tail = Areas::pack(7, mib);

    const auto largest = areas.find_place(tail, tail, capacity);
    const auto too_large = areas.find_place(tail, tail, capacity + 1);
    const auto not_yet = areas.find_place(tail, tail - 8, capacity - 4096);

    CHECK(largest.is_found);
    CHECK(largest.at == Areas::pack(8, 0));
    CHECK_FALSE(too_large.is_found);
    CHECK_FALSE(not_yet.is_found);
}

TEST_CASE("RingAreas: what is blocked by an area that is not read goes above that one") {
    Areas areas{capacity};
    areas.leave(Areas::pack(7, 2 * mib + 100), Areas::pack(8, 0), false);
    const Areas::Position freed = Areas::pack(7, mib + 5000);

    const auto below = areas.find_place(Areas::pack(8, mib), freed, 4096);
    const auto above = areas.find_place(Areas::pack(8, mib), freed, 4097);
    const auto nowhere = areas.find_place(Areas::pack(8, mib), freed, 2 * mib);

    CHECK(below.at == Areas::pack(8, mib));
    CHECK(above.is_found);
    CHECK(above.at == Areas::pack(9, 2 * mib + 4096));
    CHECK_FALSE(nowhere.is_found);
}

TEST_CASE("RingAreas: who follows finds where an area ends and the next begins") {
    Areas areas{capacity};
    const Areas::Position end = Areas::pack(65'535, mib + 8);
    areas.leave(end, Areas::pack(0, 8192), false);

    CHECK(areas.ends_at(end, Areas::pack(0, 9000)));
    CHECK_FALSE(areas.ends_at(end - 8, Areas::pack(0, 9000)));
    CHECK_FALSE(areas.ends_at(end, end));
    CHECK(areas.begin_after(end) == Areas::pack(0, 8192));
    CHECK(areas.end_of_pages(end) == mib + 4096);

    areas.leave(end, Areas::pack(0, 0), true);
    CHECK(areas.end_of_pages(end) == mib);
}
