// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/shared_pages.hpp"

#include <cstddef>

#include <unistd.h>

#include "pyproc/posix/mapping.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

TEST_CASE("give_back_pages: they are zeros for every process, and others stay") {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto memory = pyproc::posix::map_shared(3 * page).or_throw("mmap");
    for (std::size_t i = 0; i < 3; ++i) memory.bytes()[i * page] = std::byte{1};

    CHECK(test::forked([&] {
              pyproc::posix::platform::give_back_pages(memory.bytes() + page, page);
              return 0;
          }) == 0);

    CHECK(memory.bytes()[0] == std::byte{1});
    CHECK(memory.bytes()[page] == std::byte{0});
    CHECK(memory.bytes()[2 * page] == std::byte{1});
}
