// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/staff.hpp"

#include <algorithm>
#include <csignal>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "support/catch.hpp"
#include "support/killing.hpp"

using namespace pyproc;
using namespace pyproc::multiprocessing::detail;

namespace {

/// Waits until as many have ended, and takes them out.
std::vector<Staff::Gone> those_gone(Staff& staff, std::size_t count) {
    std::vector<Staff::Gone> gone;
    while (gone.size() < count) {
        std::vector<pollfd> entries;
        static_cast<void>(staff.append_sentinels(entries));
        ::poll(entries.data(), static_cast<nfds_t>(entries.size()), 20);
        staff.remove_ended(gone);
    }
    return gone;
}

}  // namespace

TEST_CASE("Staff: fills each empty desk, and knows who has left it, and how") {
    PoolMemory memory{3};
    Staff staff{memory, {.name = "Worker"}};
    CHECK(staff.is_empty());

    staff.fill();
    staff.fill();
    CHECK(staff.is_full());
    REQUIRE(test::comes_about([&] {
        return memory.desk(0).is_ready + memory.desk(1).is_ready +
                   memory.desk(2).is_ready ==
               3;
    }));
    CHECK(staff.latest_ready() == 3);
    const auto pids = staff.pids();
    staff.kill(2);
    staff.kill(77);
    const auto gone = those_gone(staff, 1);

    REQUIRE(pids.size() == 3);
    CHECK(gone[0].number == 2);
    CHECK(gone[0].pid == pids[1]);
    CHECK(gone[0].status == ExitStatus::killed(SIGKILL));
    CHECK(gone[0].was_ready);
    CHECK(staff.count() == 2);
    staff.fill();
    CHECK(staff.pids()[1] != pids[1]);

    memory.close();
    const auto all = those_gone(staff, 3);
    CHECK(std::ranges::all_of(
        all, [](const auto& each) { return each.status == ExitStatus::exited(0); }));
    CHECK(staff.is_empty());
    CHECK(staff.latest_ready() == 0);
}

TEST_CASE("Staff: one that ends in its initializer was not ready") {
    PoolMemory memory{1};
    Staff staff{memory, {.initializer = [] { ::_exit(5); }}};
    staff.fill();

    const auto gone = those_gone(staff, 1);

    CHECK(gone[0].status == ExitStatus::exited(5));
    CHECK_FALSE(gone[0].was_ready);
}

TEST_CASE(
    "Staff: workers block the signals that its maker did, whoever fills the desks") {
    PoolMemory memory{1};
    const test::OpenChannel told;
    Staff staff{
        memory, {.initializer = [] {
            sigset_t blocked;
            ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
            test::channel->tell(::sigismember(&blocked, SIGUSR1) == 1 ? "1" : "0");
        }}};
    std::thread filler{[&] {
        sigset_t all;
        sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
        staff.fill();
    }};
    filler.join();

    CHECK(told->hear() == "0");
    memory.close();
    static_cast<void>(those_gone(staff, 1));
}
