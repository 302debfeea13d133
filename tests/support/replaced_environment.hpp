// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <utility>

#include "pyproc/posix/environment.hpp"

namespace test {

/// Makes this array the environment, until the end of the test.
class ReplacedEnvironment {
public:
    explicit ReplacedEnvironment(char** block)
        : before_{std::exchange(::environ, block)} {}
    ~ReplacedEnvironment() { ::environ = before_; }
    ReplacedEnvironment(const ReplacedEnvironment&) = delete;
    ReplacedEnvironment& operator=(const ReplacedEnvironment&) = delete;

private:
    char** before_;
};

}  // namespace test
