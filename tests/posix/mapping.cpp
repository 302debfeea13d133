// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/mapping.hpp"

#include <cerrno>
#include <cstddef>
#include <fstream>
#include <limits>
#include <utility>

#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::posix;

TEST_CASE("map_shared: what a child writes its parent reads, and it is zeros at first") {
    const Mapping memory = map_shared(10'000).or_throw("mmap");
    REQUIRE(memory.size() == 10'000);
    CHECK(memory.bytes()[0] == std::byte{0});
    CHECK(memory.bytes()[9'999] == std::byte{0});

    CHECK(test::forked([&] {
              memory.bytes()[9'999] = std::byte{7};
              return 0;
          }) == 0);

    CHECK(memory.bytes()[9'999] == std::byte{7});
}

TEST_CASE("map_shared: too much of it is ENOMEM, and none of it EINVAL") {
    CHECK(map_shared(std::numeric_limits<std::size_t>::max() / 2).code() == ENOMEM);
    CHECK(map_shared(0).code() == EINVAL);
}

TEST_CASE("map_shared: more than there is memory for is refused where it is promised") {
    constexpr std::size_t addressable = std::size_t{1} << 46;
    std::ifstream setting{"/proc/sys/vm/overcommit_memory"};
    int overcommit = 1;
    setting >> overcommit;
    if (overcommit == 1) return;  // the system promises anything

    CHECK(map_shared(addressable, Promise::memory).code() == ENOMEM);
    CHECK(map_shared(1, Promise::memory));
}

TEST_CASE("Mapping: one that was moved from has nothing, and its memory lives on") {
    Mapping first = map_shared(1).or_throw("mmap");
    void* const data = first.data();

    Mapping second{std::move(first)};
    Mapping third;
    third = std::move(second);

    CHECK_FALSE(first);
    CHECK_FALSE(second);
    REQUIRE(third);
    CHECK(third.data() == data);
    third.bytes()[0] = std::byte{1};
}
