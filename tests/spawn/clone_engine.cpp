// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/clone_engine.hpp"

#include <cerrno>

#include "support/catch.hpp"
#include "support/engine.hpp"

using namespace pyproc::spawn;

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
TEST_CASE(
    "start_by_clone: without the system call it says that it can't, and starts nothing") {
    const test::NoopPlan noop;

    const StartResult result = start_by_clone(noop.plan);

    REQUIRE_FALSE(result);
    CHECK(is_unsupported(result.failure()));
}
#else
namespace {

/// Whether this kernel has what the engine stands on; a sandbox or valgrind may not.
bool has_engine() {
    const auto outcome = test::start_and_wait(start_by_clone, {CHILDREN "/child.noop"});
    if (outcome.has_started) return true;
    REQUIRE(is_unsupported(outcome.failure));
    WARN("this kernel lacks clone3 or close_range: nothing checked");
    return false;
}

}  // namespace

TEST_CASE("start_by_clone") {
    if (has_engine()) test::check_engine(start_by_clone);
}

TEST_CASE("start_by_clone: the child comes with a pidfd") {
    if (!has_engine()) return;
    const test::NoopPlan noop;

    StartResult result = start_by_clone(noop.plan);

    REQUIRE(result);
    CHECK(result->pidfd);
    ::waitpid(result->pid, nullptr, 0);
}
#endif

TEST_CASE("is_unsupported: only what the clone itself was refused counts") {
    CHECK(is_unsupported({Step::make_child, ENOSYS}));
    CHECK(is_unsupported({Step::make_child, EPERM}));
    CHECK(is_unsupported({Step::close_descriptors, ENOSYS}));
    CHECK_FALSE(is_unsupported({Step::make_child, EAGAIN}));
    CHECK_FALSE(is_unsupported({Step::make_child, EMFILE}));
    CHECK_FALSE(is_unsupported({Step::execute, EPERM}));
    CHECK_FALSE(is_unsupported({Step::execute, ENOSYS}));
}
