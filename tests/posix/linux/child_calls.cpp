// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/child_calls.hpp"

#include <sys/stat.h>
#include <sys/wait.h>

#include "support/child_calls.hpp"

TEST_CASE(
    "fetch_descriptor: a child gets a descriptor that is open in its parent alone") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    struct stat expected {};
    ::fstat(ends[1], &expected);

    const int answer = test::forked([&] {
        for (const int end : ends) ::close(end);
        const long parent = platform::open_pidfd(platform::parent_of_caller());
        if (parent < 0) return parent == -ENOSYS ? 0 : 1;
        const long fetched =
            platform::fetch_descriptor(static_cast<int>(parent), ends[1]);
        // A sandbox, or Yama, may allow this to nobody.
        if (fetched < 0) return fetched == -EPERM || fetched == -ENOSYS ? 0 : 2;
        struct stat got {};
        if (::fstat(static_cast<int>(fetched), &got) != 0) return 3;
        if (::fcntl(static_cast<int>(fetched), F_GETFD) != FD_CLOEXEC) return 4;
        if (platform::fetch_descriptor(static_cast<int>(parent), 999'999) != -EBADF)
            return 5;
        return got.st_ino == expected.st_ino ? 0 : 6;
    });

    CHECK(answer == 0);
    for (const int end : ends) ::close(end);
}

TEST_CASE("die_with_parent: a process is killed when the one that made it has ended") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);

    const int answer = test::forked([&] {
        const pid_t parent = ::getpid();
        const pid_t child = ::fork();
        if (child == 0) {
            if (platform::die_with_parent(parent) != 0) ::_exit(1);
            if (::write(ends[1], "!", 1) != 1) ::_exit(2);
            for (;;) ::pause();
        }
        char byte = 0;
        return ::read(ends[0], &byte, 1) == 1 ? 0 : 1;
    });

    ::close(ends[1]);
    char byte = 0;
    CHECK(answer == 0);
    CHECK(::read(ends[0], &byte, 1) == 0);  // the last copy of the other end is gone
    ::close(ends[0]);
}

TEST_CASE("die_with_parent: one whose parent has ended already is killed at once") {
    const int answer = test::forked([] {
        platform::die_with_parent(::getppid() == 1 ? 2 : 1);
        return 0;
    });

    CHECK(answer == -SIGKILL);
}
