// SPDX-License-Identifier: BSL-1.0
// Whoever dies, nothing is left in /dev/shm, and nothing of others is taken away. This
// process makes no segment, so that the families of its children are their own.
#include "pyproc/multiprocessing/shared_memory.hpp"

#include <csignal>
#include <random>
#include <set>
#include <string>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pyproc/multiprocessing/shareable_list.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/segments.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::shared_memory;

namespace {

/// The segments whose names begin so.
std::set<std::string> segments_of(const std::string& prefix) {
    std::set<std::string> names;
    DIR* const directory = ::opendir("/dev/shm");
    if (directory == nullptr) return names;
    while (const dirent* const entry = ::readdir(directory)) {
        const std::string name = entry->d_name;
        if (name.starts_with(prefix)) names.insert(name);
    }
    ::closedir(directory);
    return names;
}

/// Makes, attaches to, keeps and unlinks segments, until it is killed.
[[noreturn]] void use_segments(const std::string& prefix) {
    for (int i = 0;; ++i) {
        try {
            const std::string name = prefix + '_' + std::to_string(::getpid() % 7) + '_' +
                                     std::to_string(i % 50);
            const SharedMemory made(name, true, 100);
            const SharedMemory attached(name);
            attached.buf()[0] = std::byte{1};
            const ShareableList list({1, "text"}, name + "_list");
            if (i % 3 == 0) made.unlink();
            if (i % 4 == 0) list.shm().unlink();
        } catch (const OSError&) {
            // Another was faster with the name.
        }
    }
}

/// A family of three that is killed as a whole, at any moment.
void kill_family_after(const std::string& prefix, long nanoseconds) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t eldest = ::fork();
    if (eldest == 0) {
        ::setpgid(0, 0);
        if (::fork() == 0) ::fork();
        use_segments(prefix);
    }
    ::setpgid(eldest, eldest);
    ::close(ends[1]);

    const timespec pause{.tv_sec = 0, .tv_nsec = nanoseconds};
    ::nanosleep(&pause, nullptr);
    ::kill(-eldest, SIGKILL);
    ::waitpid(eldest, nullptr, 0);

    // Ends when the last of the family has.
    char byte = 0;
    CHECK(::read(ends[0], &byte, 1) == 0);
    ::close(ends[0]);
}

}  // namespace

TEST_CASE("SharedMemory: a family that is killed at any moment leaves no segment") {
    const std::string prefix = test::unused_segment_name();
    std::minstd_rand random{static_cast<unsigned>(::getpid())};

    for (int round = 0; round < 60; ++round) {
        kill_family_after(prefix, static_cast<long>(random() % 4'000'000));

        CHECK(test::comes_true([&] { return segments_of(prefix).empty(); }));
    }
}

TEST_CASE("SharedMemory: a normal end leaves no segment either") {
    const std::string name = test::unused_segment_name();

    CHECK(test::forked([&] {
              const SharedMemory made(name, true, 10);
              return 0;
          }) == 0);

    CHECK(test::vanishes(name));
}

TEST_CASE("SharedMemory: who only attaches may end or be killed, and takes nothing") {
    const std::string name = test::unused_segment_name();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t owner = ::fork();
    if (owner == 0) {
        const SharedMemory made(name, true, 10);
        const char byte = '!';
        if (::write(ends[1], &byte, 1) != 1) ::_exit(1);
        for (;;) ::pause();
    }
    char byte = 0;
    REQUIRE(::read(ends[0], &byte, 1) == 1);
    const std::string last = test::unused_segment_name();
    const auto attach = [&](int signal) {
        const SharedMemory attached(name);
        const SharedMemory own(last, true, 10);  // so that it has a tracker
        return signal == 0 ? 0 : ::kill(::getpid(), signal);
    };

    CHECK(test::forked([&] { return attach(0); }) == 0);
    CHECK(test::vanishes(last));
    CHECK(test::forked([&] { return attach(SIGKILL); }) == -SIGKILL);
    CHECK(test::vanishes(last));

    CHECK(test::is_segment_there(name));
    ::kill(owner, SIGKILL);
    ::waitpid(owner, nullptr, 0);
    CHECK(test::vanishes(name));
    ::close(ends[0]);
    ::close(ends[1]);
}

TEST_CASE("SharedMemory: without tracking, a segment outlives its maker") {
    const std::string name = test::unused_segment_name();
    const std::string last = test::unused_segment_name();

    CHECK(test::forked([&] {
              const SharedMemory kept(
                  {.create = true, .name = name, .size = 10, .track = false});
              const SharedMemory tracked(last, true, 10);
              return 0;
          }) == 0);

    CHECK(test::vanishes(last));
    CHECK(test::is_segment_there(name));
    CHECK(pyproc::posix::platform::unlink_segment(name.c_str()) == 0);
}
