// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstdlib>
#include <set>

#include <dirent.h>

namespace test {

/// The numbers of the descriptors this process has open.
inline std::set<int> open_descriptors() {
    // Both systems with and without /proc have one of the two.
    DIR* directory = ::opendir("/proc/self/fd");
    if (directory == nullptr) directory = ::opendir("/dev/fd");
    if (directory == nullptr) std::abort();

    std::set<int> numbers;
    while (const dirent* entry = ::readdir(directory)) {
        if (entry->d_name[0] == '.') continue;
        numbers.insert(static_cast<int>(std::strtol(entry->d_name, nullptr, 10)));
    }
    numbers.erase(::dirfd(directory));  // the one that reading the list has opened
    ::closedir(directory);
    return numbers;
}

}  // namespace test
