// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/shared_memory.hpp promise alike. Include after one of them.
#pragma once

#include <cerrno>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;

namespace test {

inline std::string segment_name_of_test() {
    return "pyproc_calls_" + std::to_string(::getpid());
}

}  // namespace test

TEST_CASE("open_segment: what is made is found by its name, by shm_open too") {
    const std::string name = test::segment_name_of_test();
    const auto made =
        platform::open_segment(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(made);

    struct stat mine {};
    struct stat named {};
    CHECK(::fstat(made->get(), &mine) == 0);
    CHECK(platform::look_up_segment(name.c_str(), named) == 0);
    const int fd = ::shm_open(('/' + name).c_str(), O_RDWR, 0);

    CHECK(mine.st_ino == named.st_ino);
    CHECK(::fcntl(made->get(), F_GETFD) == FD_CLOEXEC);
    CHECK(fd >= 0);
    ::close(fd);
    CHECK(platform::open_segment(name.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600).code() ==
          EEXIST);
    CHECK(platform::unlink_segment(name.c_str()) == 0);
}

TEST_CASE("unlink_segment, look_up_segment, open_segment: an unknown name is ENOENT") {
    const std::string name = test::segment_name_of_test();
    struct stat status {};

    CHECK(platform::unlink_segment(name.c_str()) == -ENOENT);
    CHECK(platform::look_up_segment(name.c_str(), status) == -ENOENT);
    CHECK(platform::open_segment(name.c_str(), O_RDWR, 0).code() == ENOENT);
}

TEST_CASE("path_of_segment: the longest name fits, and no name goes beyond it") {
    const std::string longest(255, 'x');

    CHECK(std::string{platform::path_of_segment(longest.c_str()).text}.ends_with(
        '/' + longest));
    CHECK(std::string{platform::path_of_segment((longest + "yz").c_str()).text}.ends_with(
        '/' + longest));
}

TEST_CASE("read_now: bytes, the end of the file, or minus an errno") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    CHECK(::write(ends[1], "abc", 3) == 3);
    ::close(ends[1]);
    char bytes[8];

    CHECK(platform::read_now(ends[0], bytes, sizeof bytes) == 3);
    CHECK(platform::read_now(ends[0], bytes, sizeof bytes) == 0);
    ::close(ends[0]);
    CHECK(platform::read_now(-1, bytes, sizeof bytes) == -EBADF);
}

TEST_CASE("grow_memory_now: what was there is kept, what is new is zero") {
    constexpr std::size_t size = 64 * 1024;
    void* const memory =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(memory != MAP_FAILED);
    static_cast<char*>(memory)[size - 1] = 'x';

    auto* const grown =
        static_cast<char*>(platform::grow_memory_now(memory, size, 2 * size));

    REQUIRE(grown != nullptr);
    CHECK(grown[size - 1] == 'x');
    CHECK(grown[2 * size - 1] == '\0');
    ::munmap(grown, 2 * size);
}
