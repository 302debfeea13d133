// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/identity.hpp"

#include <algorithm>
#include <vector>

#include <grp.h>
#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;

namespace {

constexpr pid_t nobody_has_this_pid =
    (1 << 22) + 1;  // above what Linux allows as pid_max

}  // namespace

TEST_CASE("getpid, getppid: a child has a pid of its own and its parent's as parent") {
    const pid_t here = os::getpid();

    const int is_so = test::forked(
        [=] { return os::getpid() != here && os::getppid() == here ? 1 : 0; });

    CHECK(is_so == 1);
}

TEST_CASE("getuid, geteuid, getgid, getegid: the ids are the system's") {
    CHECK(os::getuid() == ::getuid());
    CHECK(os::geteuid() == ::geteuid());
    CHECK(os::getgid() == ::getgid());
    CHECK(os::getegid() == ::getegid());
}

TEST_CASE("getgroups: all supplementary groups are listed, however many") {
    const int is_so = test::forked([] {
        std::vector<gid_t> many;
        for (gid_t group = 1; group <= 1000; ++group) many.push_back(group);
        // Only root may; others compare the groups they have.
        if (::setgroups(many.size(), many.data()) != 0) {
            return os::getgroups().size() == static_cast<std::size_t>(::getgroups(0, {}));
        }
        auto groups = os::getgroups();
        std::sort(groups.begin(), groups.end());
        return groups == many;
    });

    CHECK(is_so == 1);
}

TEST_CASE("getgroups: a process without supplementary groups has an empty list") {
    const int is_so = test::forked([] {
        if (::setgroups(0, nullptr) != 0) return true;  // only root can lose them
        return os::getgroups().empty();
    });

    CHECK(is_so == 1);
}

TEST_CASE("getpgid, getsid: 0 means this process") {
    CHECK(os::getpgid(0) == os::getpgrp());
    CHECK(os::getpgid(0) == os::getpgid(os::getpid()));
    CHECK(os::getsid(0) == os::getsid(os::getpid()));
}

TEST_CASE(
    "getpgid, getsid: asking about nobody is a ProcessLookupError that names the call") {
    CHECK_THROWS_AS(os::getpgid(nobody_has_this_pid), ProcessLookupError);
    CHECK_THROWS_AS(os::getsid(nobody_has_this_pid), ProcessLookupError);
    CHECK_THROWS_WITH(os::getsid(nobody_has_this_pid), test::Contains("getsid"));
    CHECK_THROWS_AS(os::getpgid(-1), ProcessLookupError);
}

TEST_CASE("setsid: the caller leads a new session and a new group") {
    const int is_so = test::forked([] {
        os::setsid();
        return os::getsid(0) == os::getpid() && os::getpgrp() == os::getpid();
    });

    CHECK(is_so == 1);
}

TEST_CASE("setsid: the leader of a group can't do it, a PermissionError") {
    const int is_so = test::forked([] {
        os::setpgid(0, 0);
        try {
            os::setsid();
        } catch (const PermissionError& error) {
            return error.code().value() == EPERM;
        }
        return false;
    });

    CHECK(is_so == 1);
}

TEST_CASE("setpgid: 0 and 0 make the caller the leader of a new group") {
    const int is_so = test::forked([] {
        os::setpgid(0, 0);
        return os::getpgrp() == os::getpid();
    });

    CHECK(is_so == 1);
}

TEST_CASE("setpgid: the leader of a session stays in its group, a PermissionError") {
    const int is_so = test::forked([] {
        os::setsid();
        try {
            os::setpgid(0, 0);
        } catch (const PermissionError&) {
            return true;
        }
        return false;
    });

    CHECK(is_so == 1);
}

TEST_CASE("setpgid: a process that is no child is a ProcessLookupError") {
    CHECK_THROWS_AS(os::setpgid(nobody_has_this_pid, 0), ProcessLookupError);
    CHECK_THROWS_AS(os::setpgid(os::getppid(), 0), ProcessLookupError);
}

TEST_CASE("setpgid: a negative group is an OSError with EINVAL") {
    try {
        os::setpgid(0, -1);
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.code().value() == EINVAL);
    }
}
