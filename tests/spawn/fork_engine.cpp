// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/fork_engine.hpp"

#include <cerrno>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"

using namespace pyproc::spawn;

TEST_CASE("start_by_fork") {
    test::check_engine(start_by_fork);
}

TEST_CASE(
    "start_by_fork: without a descriptor for its pipe it fails and starts nothing") {
    const int answer = test::forked([] {
        const char* const argv[] = {"noop", nullptr};
        const char* const candidates[] = {CHILDREN "/child.noop", nullptr};
        Plan plan;
        plan.argv = argv;
        plan.envp = argv + 1;
        plan.candidates = candidates;
        const auto before = test::open_descriptors();
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        const rlimit none_left{3, limit.rlim_max};
        ::setrlimit(RLIMIT_NOFILE, &none_left);

        const StartResult result = start_by_fork(plan);

        ::setrlimit(RLIMIT_NOFILE, &limit);
        if (result || result.failure().code != EMFILE) return 1;
        if (::waitpid(-1, nullptr, 0) != -1) return 2;
        return test::open_descriptors() == before ? 0 : 3;
    });

    CHECK(answer == 0);
}

TEST_CASE("descriptor_limit: it is the soft limit") {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);

    CHECK(static_cast<rlim_t>(descriptor_limit()) == limit.rlim_cur);
}
