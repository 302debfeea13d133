// SPDX-License-Identifier: BSL-1.0
#include "pyproc/os/scheduling.hpp"

#include <cerrno>
#include <set>

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/errors.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;

namespace {

constexpr pid_t nobody_has_this_pid =
    (1 << 22) + 1;  // above what Linux allows as pid_max

/// Whether this side of the library, and the kernel, bind processes to CPUs at all.
bool can_bind_to_cpus() {
    posix::platform::CpuMask mask;
    return posix::platform::get_cpu_affinity(0, mask) != ENOSYS;
}

}  // namespace

TEST_CASE("nice: returns the new niceness, of which 19 is the last") {
    const int before = os::nice(0);

    const int after = test::forked([] { return os::nice(1); });
    const int last = test::forked([] { return os::nice(100); });

    CHECK(after == (before < 19 ? before + 1 : 19));
    CHECK(last == 19);
}

TEST_CASE("nice: a niceness of -1 is a niceness, not a failure") {
    const int is_so = test::forked([] {
        try {
            return os::nice(-1 - os::nice(0)) == -1;
        } catch (const PermissionError&) {
            return true;  // only who is privileged gets there
        }
    });

    CHECK(is_so == 1);
}

TEST_CASE("nice: to go first without a privilege is a PermissionError") {
    const int is_so = test::forked([] {
        constexpr uid_t nobody = 65534;
        if (::geteuid() == 0 && ::setuid(nobody) != 0) return true;
        os::nice(100);  // some systems grant a little below 0
        try {
            os::nice(-100);
        } catch (const PermissionError&) {
            return true;
        }
        return false;
    });

    CHECK(is_so == 1);
}

TEST_CASE("cpu_count: a machine that runs this has a CPU") {
    REQUIRE(os::cpu_count().has_value());
    CHECK(*os::cpu_count() >= 1);
}

TEST_CASE("process_cpu_count: it is the size of the affinity, or the machine's count") {
    if (can_bind_to_cpus()) {
        CHECK(os::process_cpu_count() ==
              static_cast<int>(os::sched_getaffinity(0).size()));
    } else {
        CHECK(os::process_cpu_count() == os::cpu_count());
    }
}

TEST_CASE("sched_setaffinity: the process runs on the CPUs named and on no other") {
    if (!can_bind_to_cpus()) return;

    const int is_so = test::forked([] {
        const int last = *os::sched_getaffinity(0).rbegin();
        os::sched_setaffinity(0, {last});
        return os::sched_getaffinity(0) == std::set{last} && os::process_cpu_count() == 1;
    });

    CHECK(is_so == 1);
}

TEST_CASE("sched_setaffinity: CPUs that the machine lacks are left out") {
    if (!can_bind_to_cpus()) return;

    const int is_so = test::forked([] {
        const int first = *os::sched_getaffinity(0).begin();
        os::sched_setaffinity(0, {first, 100'000, 2'000'000'000});
        return os::sched_getaffinity(0) == std::set{first};
    });

    CHECK(is_so == 1);
}

TEST_CASE("sched_setaffinity: to run nowhere is an OSError with EINVAL") {
    if (!can_bind_to_cpus()) return;

    for (const std::set<int>& mask : {std::set<int>{}, std::set{100'000}}) {
        try {
            os::sched_setaffinity(0, mask);
            FAIL("no exception");
        } catch (const OSError& error) {
            CHECK(error.code().value() == EINVAL);
        }
    }
}

TEST_CASE("sched_setaffinity: a negative number is a ValueError") {
    CHECK_THROWS_AS(os::sched_setaffinity(0, {-1, 0}), ValueError);
}

TEST_CASE("sched_getaffinity, sched_setaffinity: nobody's is a ProcessLookupError") {
    if (!can_bind_to_cpus()) return;

    CHECK_THROWS_AS(os::sched_getaffinity(nobody_has_this_pid), ProcessLookupError);
    CHECK_THROWS_AS(os::sched_setaffinity(nobody_has_this_pid, {0}), ProcessLookupError);
}

TEST_CASE(
    "sched_getaffinity: a system that binds nothing says so, an OSError with ENOSYS") {
    if (can_bind_to_cpus()) return;

    try {
        (void)os::sched_getaffinity(0);
        FAIL("no exception");
    } catch (const OSError& error) {
        CHECK(error.code().value() == ENOSYS);
    }
}

TEST_CASE("getloadavg: three averages, none of them negative") {
    const auto [one, five, fifteen] = os::getloadavg();

    CHECK(one >= 0);
    CHECK(five >= 0);
    CHECK(fifteen >= 0);
}
