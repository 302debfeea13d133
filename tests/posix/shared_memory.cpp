// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/shared_memory.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/segments.hpp"

using namespace pyproc::posix;

namespace {

constexpr std::size_t size = 5000;

// Before the first test, which else would be blamed for the descriptor of its pipe.
const bool is_tracker_started = bool{SegmentTracker::here().ensure_running()};

Result<Segment> make(const std::string& name, Tracking tracking = Tracking::on) {
    return make_segment(*segment_named(name), size, 0600, tracking);
}

}  // namespace

TEST_CASE("segment_named: slashes at the beginning go, other bad names are errors") {
    CHECK(std::string{segment_named("//name")->name} == "name");
    CHECK(segment_named("").code() == EINVAL);
    CHECK(segment_named("/").code() == EINVAL);
    CHECK(segment_named("a/b").code() == EINVAL);
    CHECK(segment_named(std::string(2, '\0')).code() == EINVAL);
    CHECK(segment_named(std::string(255, 'x')));
    CHECK(segment_named(std::string(256, 'x')).code() == ENAMETOOLONG);
}

TEST_CASE("make_segment: it is zeroed, of its size, and for the owner alone") {
    const std::string name = test::unused_segment_name();
    REQUIRE(is_tracker_started);

    const auto made = make(name);

    REQUIRE(made);
    CHECK(made->memory.size() == size);
    CHECK(made->memory.data()[size - 1] == std::byte{});
    struct stat status {};
    CHECK(platform::look_up_segment(name.c_str(), status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(status.st_size == size);
    CHECK(unlink_segment(made->note));
}

TEST_CASE("make_segment: a name that is taken is EEXIST, and stays as it is") {
    const std::string name = test::unused_segment_name();
    const auto made = make(name);
    REQUIRE(made);
    made->memory.data()[0] = std::byte{7};

    CHECK(make(name).code() == EEXIST);

    CHECK(open_segment(*segment_named(name))->memory.data()[0] == std::byte{7});
    CHECK(unlink_segment(made->note));
}

TEST_CASE("make_segment: more than there is memory is ENOSPC, and nothing is left") {
    const std::string name = test::unused_segment_name();

    const auto made =
        make_segment(*segment_named(name), std::size_t{1} << 60, 0600, Tracking::on);

    CHECK(made.code() == ENOSPC);
    CHECK_FALSE(test::is_segment_there(name));
}

TEST_CASE("make_named_first: what it makes is as make_segment's") {
    const std::string name = test::unused_segment_name();

    const auto made =
        detail::make_named_first(*segment_named(name), size, 0600, Tracking::on);

    REQUIRE(made);
    struct stat status {};
    CHECK(platform::look_up_segment(name.c_str(), status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(status.st_size == size);
    CHECK(
        detail::make_named_first(*segment_named(name), size, 0600, Tracking::on).code() ==
        EEXIST);
    CHECK(test::is_segment_there(name));
    CHECK(detail::make_named_first(*segment_named(test::unused_segment_name()),
                                   std::size_t{1} << 60, 0600, Tracking::on)
              .code() == ENOSPC);
    CHECK(unlink_segment(made->note));
}

TEST_CASE("open_segment: two mappings are of the same memory") {
    const std::string name = test::unused_segment_name();
    const auto made = make(name);
    REQUIRE(made);

    const auto opened = open_segment(*segment_named(name));

    REQUIRE(opened);
    CHECK(opened->note.id == made->note.id);
    opened->memory.data()[9] = std::byte{9};
    CHECK(made->memory.data()[9] == std::byte{9});
    CHECK(unlink_segment(opened->note));
    CHECK(open_segment(*segment_named(name)).code() == ENOENT);
}

TEST_CASE("open_segment: one without a size is ENODATA") {
    const std::string name = test::unused_segment_name();
    const auto fd = platform::open_segment(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd);

    CHECK(open_segment(*segment_named(name)).code() == ENODATA);

    CHECK(test::is_segment_there(name));
    CHECK(platform::unlink_segment(name.c_str()) == 0);
}

TEST_CASE("unlink_segment: a second time, or under another segment's name, is ENOENT") {
    const std::string name = test::unused_segment_name();
    const auto first = make(name);
    REQUIRE(first);

    CHECK(unlink_segment(first->note));
    CHECK(unlink_segment(first->note).code() == ENOENT);
    const auto second = make(name);
    REQUIRE(second);
    CHECK(unlink_segment(first->note).code() == ENOENT);

    CHECK(test::is_segment_there(name));
    CHECK(unlink_segment(second->note));
}

TEST_CASE("MappedSegment: it is moved, and unmapped once") {
    const std::string name = test::unused_segment_name();
    auto made = make(name, Tracking::off);
    REQUIRE(made);

    MappedSegment moved = std::move(made->memory);

    CHECK_FALSE(made->memory);
    CHECK(moved.size() == size);
    moved.reset();
    moved.reset();
    CHECK_FALSE(moved);
    CHECK(unlink_segment(made->note));
}
