// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/affinity.hpp"

#include <cerrno>

#include "support/catch.hpp"
#include "support/forked.hpp"

namespace platform = pyproc::posix::platform;
using platform::CpuMask;

namespace {

/// The lowest CPU in the set; -1 for none.
int first_of(const CpuMask& mask) {
    for (int cpu = 0; cpu < CpuMask::word_count * CpuMask::bits_in_word; ++cpu) {
        const auto word = mask.words[cpu / CpuMask::bits_in_word];
        if ((word >> (cpu % CpuMask::bits_in_word) & 1U) != 0) return cpu;
    }
    return -1;
}

CpuMask only(int cpu) {
    CpuMask mask;
    mask.words[cpu / CpuMask::bits_in_word] = 1UL << (cpu % CpuMask::bits_in_word);
    return mask;
}

constexpr pid_t nobody_has_this_pid = (1 << 22) + 1;  // above what Linux allows

}  // namespace

TEST_CASE(
    "get_cpu_affinity: there is a CPU to run on, and what was there before is gone") {
    CpuMask mask = only(60'000);

    CHECK(platform::get_cpu_affinity(0, mask) == 0);
    CHECK(first_of(mask) >= 0);
    CHECK(first_of(mask) < 60'000);
}

TEST_CASE("set_cpu_affinity: what was set is what is told") {
    const int answer = test::forked([] {
        CpuMask mask;
        if (platform::get_cpu_affinity(0, mask) != 0) return 1;
        const int cpu = first_of(mask);
        if (platform::set_cpu_affinity(0, only(cpu)) != 0) return 2;
        if (platform::get_cpu_affinity(0, mask) != 0) return 3;
        return first_of(mask) == cpu ? 0 : 4;
    });

    CHECK(answer == 0);
}

TEST_CASE("set_cpu_affinity: no CPU, or none that there is, is EINVAL") {
    CHECK(platform::set_cpu_affinity(0, CpuMask{}) == EINVAL);
    CHECK(platform::set_cpu_affinity(0, only(60'000)) == EINVAL);
}

TEST_CASE("cpu affinity: nobody's is ESRCH") {
    CpuMask mask;

    CHECK(platform::get_cpu_affinity(nobody_has_this_pid, mask) == ESRCH);
    CHECK(platform::set_cpu_affinity(nobody_has_this_pid, only(0)) == ESRCH);
}
