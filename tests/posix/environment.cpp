// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/environment.hpp"

#include <utility>

#include "support/catch.hpp"

using namespace pyproc;

namespace {

/// Makes this array the environment, until the end of the test.
class Replaced {
public:
    explicit Replaced(char** block) : before_{std::exchange(::environ, block)} {}
    ~Replaced() { ::environ = before_; }
    Replaced(const Replaced&) = delete;
    Replaced& operator=(const Replaced&) = delete;

private:
    char** before_;
};

}  // namespace

TEST_CASE("environment: after clearenv it is empty, not null") {
    const Replaced replaced{nullptr};

    REQUIRE(posix::environment() != nullptr);
    CHECK(*posix::environment() == nullptr);
}

TEST_CASE("environment: it is the process's own, not a copy") {
    char variable[] = "A=1";
    char* block[] = {variable, nullptr};
    const Replaced replaced{block};

    CHECK(posix::environment() == block);
}
