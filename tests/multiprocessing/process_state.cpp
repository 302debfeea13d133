// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/process_state.hpp"

#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"

using namespace pyproc::multiprocessing::detail;
using pyproc::posix::UniqueFd;

namespace {

/// Starts a child that lives until it is killed.
void start_sleeper(ProcessState& state) {
    state.claim_start();
    pyproc::posix::Pipe lifeline;
    if (!has_pidfds()) lifeline = pyproc::posix::make_pipe().or_throw("pipe");
    const pid_t pid = ::fork();
    if (pid == 0) {
        for (;;) ::pause();
    }
    auto pidfd = pyproc::posix::platform::pidfd_open(pid);
    state.set_started(pid, pidfd ? std::move(*pidfd) : UniqueFd{},
                      std::move(lifeline.read_end));
}

void end(ProcessState& state) {
    state.child()->send_signal(SIGKILL).or_throw("kill");
    state.child()->wait();
}

}  // namespace

TEST_CASE("to_text: an identity is the numbers from the eldest down") {
    CHECK(to_text({}) == "");
    CHECK(to_text({1, 2, 30}) == "1:2:30");
}

TEST_CASE("ProcessState: has no name until it is given one, and keeps the latest") {
    ProcessState state{{1}, ::getpid(), "", false};
    const bool was_unnamed = state.name() == nullptr;

    state.name_unless_named("first");
    state.name_unless_named("second");
    const std::string before = *state.name();
    state.set_name("third");

    CHECK(was_unnamed);
    CHECK(before == "first");
    CHECK(*state.name() == "third");
}

TEST_CASE("ProcessState: threads may name it while others read the name") {
    ProcessState state{{1}, ::getpid(), "0", false};
    std::vector<std::thread> threads;
    for (int i = 1; i <= 4; ++i) {
        threads.emplace_back([&state, i] {
            for (int n = 0; n < 100; ++n) {
                state.set_name(std::to_string(i));
                state.name_unless_named("never");
            }
        });
    }
    bool is_sound = true;
    for (int n = 0; n < 100; ++n) is_sound = is_sound && state.name()->size() == 1;
    for (std::thread& thread : threads) thread.join();

    CHECK(is_sound);
    CHECK(state.name()->size() == 1);
}

TEST_CASE("ProcessState: only one may start it, unless that one gives up") {
    ProcessState state{{1}, ::getpid(), "", false};
    state.claim_start();

    CHECK_THROWS_AS(state.claim_start(), std::logic_error);
    state.unclaim_start();
    CHECK_NOTHROW(state.claim_start());
}

TEST_CASE("ProcessState: whether it is a daemon is settled by the start") {
    ProcessState state{{1}, ::getpid(), "", false};

    state.set_daemon(true);
    state.claim_start();

    CHECK(state.is_daemon());
    CHECK_THROWS_AS(state.set_daemon(false), std::logic_error);
}

TEST_CASE("ProcessState: there is no child and no pid before the start") {
    ProcessState state{{1}, ::getpid(), "", false};

    CHECK(state.child() == nullptr);
    CHECK(state.pid() == 0);
}

TEST_CASE("sentinel: becomes readable when the child ends, and keeps its number") {
    ProcessState state{{1}, ::getpid(), "", false};
    start_sleeper(state);

    const int sentinel = state.sentinel();
    const bool was_ready = test::is_ready(sentinel);
    end(state);

    CHECK_FALSE(was_ready);
    CHECK(test::is_ready(sentinel, 10'000));
    CHECK(state.sentinel() == sentinel);
}

TEST_CASE("sentinel: asked for after the child was reaped, it is readable at once") {
    ProcessState state{{1}, ::getpid(), "", false};
    start_sleeper(state);
    end(state);

    CHECK(test::is_ready(state.sentinel()));
}

TEST_CASE("close: gives the sentinel up, and use is refused from then on") {
    ProcessState state{{1}, ::getpid(), "", false};
    start_sleeper(state);
    const int sentinel = state.sentinel();
    end(state);
    CHECK_NOTHROW(state.require_open());

    state.close();

    CHECK_THROWS_AS(state.require_open(), pyproc::ValueError);
    CHECK(::fcntl(sentinel, F_GETFD) == -1);
    CHECK_THROWS_AS(state.sentinel(), pyproc::ValueError);
}
