// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/per_process.hpp"

#include <set>
#include <thread>
#include <vector>

#include <sched.h>

#include "support/catch.hpp"
#include "support/forked.hpp"

using pyproc::posix::of_this_process;

namespace {

struct Number {
    int value = 1;
};

struct Shared {
    int value = 0;
};

}  // namespace

TEST_CASE("of_this_process: it is the same object each time") {
    of_this_process<Number>().value = 5;

    CHECK(of_this_process<Number>().value == 5);
}

TEST_CASE("of_this_process: a forked child has a fresh one, and leaves ours alone") {
    of_this_process<Number>().value = 5;

    const int answer = test::forked([] {
        const int fresh = of_this_process<Number>().value;
        of_this_process<Number>().value = 7;
        return fresh == 1 && of_this_process<Number>().value == 7 ? 0 : 1;
    });

    CHECK(answer == 0);
    CHECK(of_this_process<Number>().value == 5);
}

#ifdef __linux__
TEST_CASE("of_this_process: a forked child of the same number has a fresh one too") {
    const auto in_namespace = [](auto body) {
        // The child of a process that has done this is number 1.
        if (::unshare(CLONE_NEWPID) != 0) return 0;
        return test::forked(body);
    };
    const int answer = test::forked([&] {
        return in_namespace([&] {
            of_this_process<Number>().value = 5;
            return in_namespace([] { return of_this_process<Number>().value - 1; });
        });
    });

    CHECK(answer == 0);
}
#endif

TEST_CASE("of_this_process: threads that ask at once get the same one") {
    std::vector<Shared*> seen(8);
    std::vector<std::thread> threads;
    threads.reserve(seen.size());

    for (Shared*& mine : seen) {
        threads.emplace_back([&mine] { mine = &of_this_process<Shared>(); });
    }
    for (std::thread& thread : threads) thread.join();

    CHECK(std::set<Shared*>(seen.begin(), seen.end()).size() == 1);
}
