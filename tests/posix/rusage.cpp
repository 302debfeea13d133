// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/rusage.hpp"

#include <chrono>

#include "support/catch.hpp"

using namespace pyproc;
using namespace std::chrono_literals;

TEST_CASE("to_rusage: seconds and microseconds become one duration") {
    ::rusage usage{};
    usage.ru_utime = {.tv_sec = 3, .tv_usec = 250'000};
    usage.ru_stime = {.tv_sec = 0, .tv_usec = 1};

    const posix::Rusage ours = posix::to_rusage(usage);

    CHECK(ours.ru_utime == 3250ms);
    CHECK(ours.ru_stime == 1us);
}

TEST_CASE("to_rusage: every counter keeps its name") {
    ::rusage usage{};
    usage.ru_maxrss = 1;
    usage.ru_minflt = 2;
    usage.ru_majflt = 3;
    usage.ru_inblock = 4;
    usage.ru_oublock = 5;
    usage.ru_nvcsw = 6;
    usage.ru_nivcsw = 7;

    CHECK(posix::to_rusage(usage) == posix::Rusage{.ru_maxrss = 1,
                                                   .ru_minflt = 2,
                                                   .ru_majflt = 3,
                                                   .ru_inblock = 4,
                                                   .ru_oublock = 5,
                                                   .ru_nvcsw = 6,
                                                   .ru_nivcsw = 7});
}
