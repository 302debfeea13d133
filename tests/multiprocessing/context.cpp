// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/context.hpp"

#include <csignal>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include "pyproc/multiprocessing/process.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing;

namespace {

/// What setting a method says; in a process where nothing has been set before `prepare`.
template <class Prepare>
std::string told_by_setting(const std::string& method, bool force, Prepare prepare) {
    return test::told_by_forked([&] {
        prepare();
        std::string text;
        try {
            set_start_method(method, force);
            text = get_start_method();
        } catch (const std::exception& error) {
            text = error.what();
        }
        detail::ServerLink::here().stop();
        return text;
    });
}

}  // namespace

TEST_CASE("set_start_method: each of those that there are can be set") {
    CHECK(get_all_start_methods() == std::vector<std::string>{"fork", "forkserver"});
    for (const std::string& method : get_all_start_methods()) {
        CHECK(told_by_setting(method, false, [] {}) == method);
    }
}

TEST_CASE("set_start_method: another is a ValueError, in Python's words") {
    CHECK_THROWS_AS(set_start_method("spawn"), pyproc::ValueError);
    CHECK_THROWS_WITH(set_start_method(""), "cannot find context for ''");
    CHECK_THROWS_WITH(set_start_method("spawn", true), "cannot find context for 'spawn'");
}

TEST_CASE("set_start_method: only once, be it by asking or by starting, unless forced") {
    const std::string refusal = "context has already been set";
    const auto by_setting = [] { set_start_method("fork"); };
    const auto by_asking = [] { static_cast<void>(get_start_method()); };
    const auto by_starting = [] {
        Process process;
        process.start();
        process.join();
    };

    CHECK(told_by_setting("forkserver", false, by_setting) == refusal);
    CHECK(told_by_setting("forkserver", false, by_asking) == refusal);
    CHECK(told_by_setting("fork", false, by_starting) == refusal);
    CHECK(told_by_setting("forkserver", true, by_setting) == "forkserver");
    CHECK(told_by_setting("fork", true, [] { set_start_method("forkserver"); }) ==
          "fork");
}

TEST_CASE("get_start_method: fork, if nothing is said") {
    CHECK(test::told_by_forked([] { return get_start_method(); }) == "fork");
}

TEST_CASE("set_start_method: forks the server at once, and fails if that can't be") {
    const int code = test::forked([] {
        // The limit does not hold for root, so that the test must be somebody else.
        if (::getuid() == 0 && ::setuid(65534) != 0) return 1;
        rlimit limit{};
        ::getrlimit(RLIMIT_NPROC, &limit);
        const rlimit none{.rlim_cur = 0, .rlim_max = limit.rlim_max};
        ::setrlimit(RLIMIT_NPROC, &none);
        try {
            set_start_method("forkserver");
            return 2;
        } catch (const pyproc::BlockingIOError&) {
        }
        ::setrlimit(RLIMIT_NPROC, &limit);
        set_start_method("forkserver");  // nothing has been set
        const pid_t server = detail::ServerLink::here().pid();
        const bool is_there = server != 0 && ::kill(server, 0) == 0;
        detail::ServerLink::here().stop();
        return is_there ? 0 : 3;
    });

    CHECK(code == 0);
}

TEST_CASE("cpu_count: at least one") {
    CHECK(cpu_count() >= 1);
}
