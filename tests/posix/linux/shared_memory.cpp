// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/shared_memory.hpp"

#include "support/segment_calls.hpp"

TEST_CASE("name_segment: a nameless segment gets a name, but not a taken one") {
    const std::string name = test::segment_name_of_test();
    const auto first = platform::make_nameless_segment(0600);
    const auto second = platform::make_nameless_segment(0600);
    REQUIRE(first);
    REQUIRE(second);

    CHECK(platform::name_segment(first->get(), name.c_str()));
    CHECK(platform::name_segment(second->get(), name.c_str()).code() == EEXIST);

    struct stat mine {};
    struct stat named {};
    CHECK(::fstat(first->get(), &mine) == 0);
    CHECK(platform::look_up_segment(name.c_str(), named) == 0);
    CHECK(mine.st_ino == named.st_ino);
    CHECK(platform::unlink_segment(name.c_str()) == 0);
}
