// SPDX-License-Identifier: BSL-1.0
// Named segments of shared memory, as other programs see them.
#pragma once

#include <chrono>
#include <string>

#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "pyproc/posix/platform.hpp"

namespace test {

/// A name that no other test uses, of this process or another.
inline std::string unused_segment_name() {
    static int number = 0;
    return "pyproc_test_" + std::to_string(::getpid()) + '_' + std::to_string(++number);
}

inline bool is_segment_there(const std::string& name) {
    struct stat status {};
    return pyproc::posix::platform::look_up_segment(name.c_str(), status) == 0;
}

/// Waits until something is so; gives up after half a minute.
template <class Condition>
bool comes_true(Condition condition) {
    const auto start = std::chrono::steady_clock::now();
    while (!condition()) {
        if (std::chrono::steady_clock::now() - start > std::chrono::seconds{30}) {
            return false;
        }
        const timespec pause{.tv_sec = 0, .tv_nsec = 500'000};
        ::nanosleep(&pause, nullptr);
    }
    return true;
}

/// Whether a segment loses its name, soon.
inline bool vanishes(const std::string& name) {
    return comes_true([&] { return !is_segment_there(name); });
}

}  // namespace test
