// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/segment_tracker.hpp"

#include <csignal>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/shared_memory.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/segments.hpp"

using namespace pyproc::posix;

namespace {

// All is done by forked children: their families are their own, since this process never
// starts a tracker.

bool make(const std::string& name) {
    return bool{make_segment(*segment_named(name), 64, 0600, Tracking::on)};
}

/// An unnoted segment.
SegmentNote make_foreign(const std::string& name) {
    auto made = make_segment(*segment_named(name), 64, 0600, Tracking::off);
    return made ? made->note : SegmentNote{};
}

}  // namespace

TEST_CASE("SegmentTracker: what its maker leaves is unlinked when that is killed") {
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        if (!make(name) || !test::is_segment_there(name)) return 1;
        return ::kill(::getpid(), SIGKILL);
    });

    CHECK(answer == -SIGKILL);
    CHECK(test::vanishes(name));
}

TEST_CASE("SegmentTracker: thousands of segments are remembered") {
    const std::string name = test::unused_segment_name();
    constexpr int count = 1500;  // more than fit in the memory that it has at first

    const int answer = test::forked([&] {
        for (int i = 0; i < count; ++i) {
            if (!make(name + '_' + std::to_string(i))) return 1;
        }
        return 0;
    });

    CHECK(answer == 0);
    for (int i = 0; i < count; ++i) {
        if (!test::vanishes(name + '_' + std::to_string(i))) FAIL(i);
    }
}

TEST_CASE("SegmentTracker: a segment lives as long as anybody of the family") {
    const std::string name = test::unused_segment_name();
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);

    const int answer = test::forked([&] {
        if (!SegmentTracker::here().ensure_running()) return 1;
        if (const pid_t survivor = ::fork(); survivor == 0) {
            ::close(ends[1]);
            char byte = 0;
            ::_exit(static_cast<int>(::read(ends[0], &byte, 1)));
        }
        return test::forked([&] { return make(name) ? 0 : 2; });
    });

    CHECK(answer == 0);
    CHECK(test::is_segment_there(name));
    ::close(ends[0]);
    ::close(ends[1]);  // ends the survivor
    CHECK(test::vanishes(name));
}

TEST_CASE("SegmentTracker: a name that has become another's is left alone") {
    const std::string name = test::unused_segment_name();
    const std::string last = test::unused_segment_name();

    const int answer = test::forked([&] {
        if (!make(name)) return 1;
        if (platform::unlink_segment(name.c_str()) != 0) return 2;
        if (make_foreign(name).name[0] == '\0') return 3;
        return make(last) ? 0 : 4;
    });

    CHECK(answer == 0);
    CHECK(test::vanishes(last));  // noted after the other, and looked at after it
    CHECK(test::is_segment_there(name));
    CHECK(platform::unlink_segment(name.c_str()) == 0);
}

TEST_CASE("SegmentTracker: a failed attempt does not cost another's segment its name") {
    const std::string name = test::unused_segment_name();
    const std::string last = test::unused_segment_name();
    const SegmentNote foreign = make_foreign(name);

    const int answer = test::forked([&] {
        SegmentNote attempt = *segment_named(name);
        attempt.kind = SegmentNote::Kind::attempt;
        if (!SegmentTracker::here().add(attempt)) return 1;
        if (make(name)) return 2;
        return make(last) ? 0 : 3;
    });

    CHECK(answer == 0);
    CHECK(test::vanishes(last));
    CHECK(test::is_segment_there(name));
    CHECK(unlink_segment(foreign));
}

TEST_CASE("SegmentTracker: an attempt whose maker died is undone, if it is not ready") {
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        SegmentNote attempt = *segment_named(name);
        attempt.kind = SegmentNote::Kind::attempt;
        if (!SegmentTracker::here().add(attempt)) return 1;
        return platform::open_segment(name.c_str(), O_RDWR | O_CREAT | O_EXCL,
                                      unready_mode)
                   ? 0
                   : 2;
    });

    CHECK(answer == 0);
    CHECK(test::vanishes(name));
}

TEST_CASE("SegmentTracker: signals to the family do not reach the tracker") {
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        ::setpgid(0, 0);
        if (!make(name)) return 1;
        const pid_t tracker = SegmentTracker::here().pid();
        for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
            if (tracker != 0) ::kill(tracker, signal);
        }
        return ::kill(-::getpgrp(), SIGKILL);
    });

    CHECK(answer == -SIGKILL);
    CHECK(test::vanishes(name));
}

TEST_CASE("SegmentTracker: a tracker that is killed is replaced, and told of all") {
    const std::string name = test::unused_segment_name();
    const std::string next = test::unused_segment_name();

    const int answer = test::forked([&] {
        if (!make(name)) return 1;
        const pid_t tracker = SegmentTracker::here().pid();
        if (tracker == 0) return make(next) ? 0 : 6;  // not known on this system
        if (::kill(tracker, SIGKILL) != 0) return 2;
        siginfo_t end{};
        constexpr int of_any_kind = __WALL;
        const auto id = static_cast<id_t>(tracker);
        if (::waitid(P_PID, id, &end, WEXITED | WNOWAIT | of_any_kind) != 0) return 3;
        if (!make(next)) return 4;
        return SegmentTracker::here().pid() != tracker ? 0 : 5;
    });

    CHECK(answer == 0);
    CHECK(test::vanishes(name));
    CHECK(test::vanishes(next));
}

TEST_CASE("SegmentTracker: a process that closes all descriptors harms no other file") {
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        if (!SegmentTracker::here().ensure_running()) return 1;
        for (const int fd : test::open_descriptors()) {
            if (fd > 2) ::close(fd);
        }
        // They get the numbers of those that were closed.
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return 2;
        for (int i = 0; i < 16; ++i) {
            if (::fcntl(ends[1], F_DUPFD_CLOEXEC, 3) < 0) return 3;
        }
        if (!make(name)) return 4;
        char byte = 0;
        return ::read(ends[0], &byte, 1) == -1 ? 0 : 5;
    });

    CHECK(answer == 0);
    CHECK(test::vanishes(name));
}

TEST_CASE("SegmentTracker: it holds no descriptor of the program, so pipes end") {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const std::string name = test::unused_segment_name();

    const int answer = test::forked([&] {
        if (!make(name)) return 1;
        ::close(ends[1]);
        const pid_t survivor = ::fork();
        if (survivor != 0) return survivor < 0 ? 2 : 0;
        // Keeps the tracker alive until the pipe of the test has ended.
        char byte = 0;
        ::_exit(static_cast<int>(::read(ends[0], &byte, 1)));
    });

    CHECK(answer == 0);
    ::close(ends[1]);
    char byte = 0;
    CHECK(::read(ends[0], &byte, 1) == 0);
    ::close(ends[0]);
    CHECK(test::vanishes(name));
}
