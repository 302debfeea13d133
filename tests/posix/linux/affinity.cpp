// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/affinity.hpp"

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;

namespace {

/// So many CPUs the kernel is said to know; 0 for the one that runs here.
std::size_t pretended_cpus = 0;

struct Pretended {
    explicit Pretended(std::size_t cpus) { pretended_cpus = cpus; }
    ~Pretended() { pretended_cpus = 0; }
    Pretended(const Pretended&) = delete;
    Pretended& operator=(const Pretended&) = delete;
};

}  // namespace

// Takes the place of the C library's function, to play a machine that nobody here has:
// one where only the last CPU may be used.
extern "C" int sched_getaffinity(pid_t pid, std::size_t size, cpu_set_t* mask) noexcept {
    std::memset(mask, 0, size);
    if (pretended_cpus == 0) {
        return ::syscall(SYS_sched_getaffinity, pid, size, mask) < 0 ? -1 : 0;
    }
    if (size * 8 < pretended_cpus) {
        errno = EINVAL;
        return -1;
    }
    CPU_SET_S(pretended_cpus - 1, size, mask);
    return 0;
}

TEST_CASE("cpu_affinity: there is a CPU to run on, and they ascend") {
    const auto cpus = posix::platform::cpu_affinity(0);

    REQUIRE(cpus);
    REQUIRE_FALSE(cpus->empty());
    for (std::size_t i = 1; i < cpus->size(); ++i) CHECK((*cpus)[i - 1] < (*cpus)[i]);
}

TEST_CASE("cpu_affinity: the mask grows until it holds every CPU of a large machine") {
    constexpr std::size_t large = 8192;
    const Pretended pretended{large};

    const auto cpus = posix::platform::cpu_affinity(0);

    REQUIRE(cpus);
    CHECK(*cpus == std::vector<int>{large - 1});
}

TEST_CASE(
    "cpu_affinity: a kernel that no mask is large enough for is EINVAL, not for ever") {
    const Pretended pretended{std::size_t{1} << 40U};

    CHECK(posix::platform::cpu_affinity(0).code() == EINVAL);
}

TEST_CASE("set_cpu_affinity: what was set is what is told") {
    const int is_so = test::forked([] {
        const int last = (*posix::platform::cpu_affinity(0)).back();
        const std::vector<int> only{last};
        return posix::platform::set_cpu_affinity(0, only) &&
               *posix::platform::cpu_affinity(0) == only;
    });

    CHECK(is_so == 1);
}

TEST_CASE("set_cpu_affinity: CPUs beyond those of the machine are left out") {
    const int is_so = test::forked([] {
        const int first = (*posix::platform::cpu_affinity(0)).front();
        const std::vector<int> some{2'000'000'000, first, 5000};
        return posix::platform::set_cpu_affinity(0, some) &&
               *posix::platform::cpu_affinity(0) == std::vector<int>{first};
    });

    CHECK(is_so == 1);
}

TEST_CASE("set_cpu_affinity: no CPU, none that there is, or a negative one is EINVAL") {
    CHECK(posix::platform::set_cpu_affinity(0, {}).code() == EINVAL);
    CHECK(posix::platform::set_cpu_affinity(0, std::vector{100'000}).code() == EINVAL);
    CHECK(posix::platform::set_cpu_affinity(0, std::vector{-1}).code() == EINVAL);
}

TEST_CASE("cpu_affinity, set_cpu_affinity: nobody's is ESRCH") {
    constexpr pid_t nobody_has_this_pid = (1 << 22) + 1;  // above what Linux allows

    CHECK(posix::platform::cpu_affinity(nobody_has_this_pid).code() == ESRCH);
    CHECK(posix::platform::set_cpu_affinity(nobody_has_this_pid, std::vector{0}).code() ==
          ESRCH);
}
