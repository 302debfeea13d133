// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/shared_memory.hpp"

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/segments.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing;
using shared_memory::SharedMemory;

namespace {

// Before the first test, which else would be blamed for the descriptor of its pipe.
const bool is_tracker_started = [] {
    resource_tracker::ensure_running();
    return true;
}();

constexpr std::byte mark{42};

}  // namespace

TEST_CASE("SharedMemory: a new name is psm_ and eight hexadecimal digits, as Python's") {
    const SharedMemory made(std::nullopt, true, 10);
    REQUIRE(is_tracker_started);

    CHECK_THAT(made.name(), test::Matches("psm_[0-9a-f]{8}"));
    CHECK(test::is_segment_there(made.name()));
    made.unlink();
    CHECK_FALSE(test::is_segment_there(made.name()));
}

TEST_CASE("SharedMemory: who attaches sees the same bytes, and the same size") {
    const SharedMemory made({.create = true, .size = 5001});
    const SharedMemory attached(made.name());

    made.buf()[5000] = mark;

    CHECK(attached.buf()[5000] == mark);
    CHECK(attached.size() == 5001);
    CHECK(attached.buf().size() == 5001);
    CHECK(made.buf()[0] == std::byte{});
    made.unlink();
}

TEST_CASE("SharedMemory: a child sees it by inheritance and by its name") {
    const SharedMemory made(std::nullopt, true, 2);

    Process child([&] {
        made.buf()[0] = mark;
        SharedMemory(made.name()).buf()[1] = mark;
    });
    child.start();
    child.join();

    CHECK(made.buf()[0] == mark);
    CHECK(made.buf()[1] == mark);
    made.unlink();
}

TEST_CASE("SharedMemory: a child may make what its parent uses when it has ended") {
    const std::string name = test::unused_segment_name();

    Process child([&] { SharedMemory(name, true, 8).buf()[7] = mark; });
    child.start();
    child.join();
    const SharedMemory attached(name);

    CHECK(attached.buf()[7] == mark);
    attached.unlink();
}

TEST_CASE("SharedMemory: sizes that are not positive are ValueErrors") {
    CHECK_THROWS_AS(SharedMemory(std::nullopt, true, 0), ValueError);
    CHECK_THROWS_AS(SharedMemory(std::nullopt, true, -1), ValueError);
    CHECK_THROWS_AS(SharedMemory("name", false, -1), ValueError);
    CHECK_THROWS_AS(SharedMemory(std::nullopt, true), ValueError);
}

TEST_CASE("SharedMemory: a size beyond all memory is an OSError, and leaves nothing") {
    const std::string name = test::unused_segment_name();

    CHECK_THROWS_AS(SharedMemory(name, true, 1ULL << 62), OSError);
    CHECK_THROWS_AS(SharedMemory(name, true, ~0ULL), OSError);

    CHECK_FALSE(test::is_segment_there(name));
}

TEST_CASE(
    "SharedMemory: a size beyond the limit for files is an OSError, and no signal") {
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        const rlimit limit{.rlim_cur = 4096, .rlim_max = 4096};
        ::setrlimit(RLIMIT_FSIZE, &limit);
        try {
            const SharedMemory made(name, true, 4097);
        } catch (const OSError& error) {
            return error.code().value();
        }
        return 0;
    });

    CHECK(answer == EFBIG);
    CHECK_FALSE(test::is_segment_there(name));
}

TEST_CASE("SharedMemory: without a name there is nothing to attach to") {
    CHECK_THROWS_MATCHES(SharedMemory(std::nullopt), ValueError,
                         test::Message("'name' can only be None if create=True"));
}

TEST_CASE("SharedMemory: a taken name is a FileExistsError, an unknown one not found") {
    const std::string name = test::unused_segment_name();
    const SharedMemory made(name, true, 1);

    CHECK_THROWS_AS(SharedMemory(name, true, 1), FileExistsError);
    CHECK(test::is_segment_there(name));
    made.unlink();
    CHECK_THROWS_MATCHES(
        SharedMemory(name), FileNotFoundError,
        test::Message("shm_open '/" + name + "': No such file or directory"));
}

TEST_CASE("SharedMemory: names that are none are refused, as the system does") {
    CHECK_THROWS_AS(SharedMemory(std::string("a\0b", 3), true, 1), ValueError);
    CHECK_THROWS_AS(SharedMemory("", true, 1), OSError);
    CHECK_THROWS_AS(SharedMemory("a/b", true, 1), OSError);
    CHECK_THROWS_AS(SharedMemory(std::string(256, 'x'), true, 1), OSError);
}

TEST_CASE("SharedMemory: a slash at the beginning makes no other name") {
    const std::string name = test::unused_segment_name();
    const SharedMemory made('/' + name, true, 1);

    const SharedMemory attached(name);

    CHECK(made.name() == '/' + name);
    attached.unlink();
    CHECK_THROWS_AS(made.unlink(), FileNotFoundError);
}

TEST_CASE("close: it may be called twice, and then there is no memory to be had") {
    SharedMemory made(std::nullopt, true, 10);

    made.close();
    made.close();

    CHECK_THROWS_AS(made.buf(), ValueError);
    CHECK(made.size() == 10);
    made.unlink();
    CHECK_THROWS_AS(made.unlink(), FileNotFoundError);
}

TEST_CASE("close: the name stays, and so does what the memory holds") {
    const std::string name = test::unused_segment_name();
    { SharedMemory(name, true, 10).buf()[0] = mark; }

    const SharedMemory attached(name);

    CHECK(attached.buf()[0] == mark);
    attached.unlink();
}

TEST_CASE("unlink: those who have it mapped keep the memory") {
    const SharedMemory made(std::nullopt, true, 10);
    const SharedMemory attached(made.name());

    made.unlink();
    made.buf()[0] = mark;

    CHECK(attached.buf()[0] == mark);
}

TEST_CASE("unlink: another segment that has got the name is left alone") {
    const std::string name = test::unused_segment_name();
    const SharedMemory first(name, true, 10);
    first.unlink();
    const SharedMemory second(name, true, 10);

    CHECK_THROWS_AS(first.unlink(), FileNotFoundError);

    CHECK(test::is_segment_there(name));
    second.unlink();
}

TEST_CASE("SharedMemory: it is moved, with its memory") {
    SharedMemory made(std::nullopt, true, 10);
    made.buf()[3] = mark;

    SharedMemory moved = std::move(made);

    CHECK(moved.buf()[3] == mark);
    moved.unlink();
}

TEST_CASE("SharedMemory: it keeps no descriptor open") {
    const auto before = test::open_descriptors();
    const SharedMemory made(std::nullopt, true, 10);
    const SharedMemory attached(made.name());

    CHECK(test::open_descriptors() == before);
    made.unlink();
}

TEST_CASE("ByteCount: any integer is one, and a negative one stays negative") {
    using shared_memory::ByteCount;

    CHECK(ByteCount(-1).is_negative());
    CHECK(ByteCount(static_cast<signed char>(-128)).is_negative());
    CHECK_FALSE(ByteCount(0U).is_negative());
    CHECK(ByteCount(~0ULL).count() == ~0ULL);
    CHECK(ByteCount('\x10').count() == 16);
}
