// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/staff.hpp"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "multiprocessing/tasks.hpp"
#include "pyproc/posix/at_fork.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
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

/// Stops who forks a worker, just before the fork or just after it, until told to go on.
class StoppedAtFork {
public:
    enum When { before, after };

    explicit StoppedAtFork(When when) {
        static const bool is_registered = [] {
            posix::register_at_fork([] { stop(before); }, [] { stop(after); });
            return true;
        }();
        static_cast<void>(is_registered);
        is_there_ = may_go_on_ = false;
        stops_ = when;
        is_wanted_ = true;
    }
    StoppedAtFork(const StoppedAtFork&) = delete;
    StoppedAtFork& operator=(const StoppedAtFork&) = delete;
    ~StoppedAtFork() { go_on(); }

    [[nodiscard]] static bool is_there() { return is_there_; }
    static void go_on() {
        is_wanted_ = false;
        may_go_on_ = true;
    }

private:
    static void stop(When when) {
        if (!is_wanted_ || stops_ != when) return;
        is_there_ = true;
        while (!may_go_on_) std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }

    static inline std::atomic<bool> is_wanted_ = false;
    static inline std::atomic<bool> is_there_ = false;
    static inline std::atomic<bool> may_go_on_ = false;
    static inline std::atomic<When> stops_ = before;
};

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

TEST_CASE("Staff: while one is being forked, nobody else waits for that") {
    for (const auto when : {StoppedAtFork::before, StoppedAtFork::after}) {
        PoolMemory memory{2};
        Staff staff{memory, {}};
        staff.fill();
        staff.kill(1);
        static_cast<void>(those_gone(staff, 1));
        StoppedAtFork fork{when};
        std::thread filler{[&] { staff.fill(); }};
        CHECK(test::comes_about([&] { return fork.is_there(); }));

        std::atomic<bool> has_returned = false;
        std::thread other{[&] {
            static_cast<void>(staff.pids());
            staff.kill(2);
            has_returned = true;
        }};
        CHECK(test::comes_about([&] { return has_returned.load(); }));
        CHECK(those_gone(staff, 1)[0].number == 2);

        fork.go_on();
        filler.join();
        other.join();
        memory.close();
        static_cast<void>(those_gone(staff, staff.count()));
    }
}

TEST_CASE("Staff: one that is killed before it has its desk does not live on") {
    PoolMemory memory{1};
    Staff staff{memory, {}};
    StoppedAtFork fork{StoppedAtFork::after};
    std::thread filler{[&] { staff.fill(); }};
    CHECK(test::comes_about([&] { return memory.desk(0).is_ready != 0; }));

    staff.kill(77);
    staff.kill(1);
    fork.go_on();
    filler.join();

    CHECK(those_gone(staff, 1)[0].status == ExitStatus::killed(SIGKILL));
    staff.fill();
    CHECK(staff.is_full());
    memory.close();
    CHECK(those_gone(staff, 1)[0].status == ExitStatus::exited(0));
}

TEST_CASE("Staff: a signal for all also ends who has no desk yet, and none is added") {
    PoolMemory memory{3};
    Staff staff{memory, {}};
    StoppedAtFork fork{StoppedAtFork::after};
    std::thread filler{[&] { staff.fill(); }};
    CHECK(test::comes_about([&] { return memory.desk(0).is_ready != 0; }));

    staff.end_by(SIGTERM);
    fork.go_on();
    filler.join();

    CHECK(staff.count() == 1);
    CHECK(those_gone(staff, 1)[0].status == ExitStatus::killed(SIGTERM));
}

#ifndef SANITIZED  // clang's UBSan opens a pipe to look at memory

TEST_CASE("Staff: one for whom there is no descriptor works, and is known to have left") {
    const std::string told = test::told_by_forked([] {
        if (!has_pidfds()) return std::string{"nothing killed"};  // not without a pipe
        PoolMemory memory{1};
        Staff staff{memory, {}};
        std::vector<int> all;
        for (int fd = 0; (fd = ::dup(0)) >= 0;) all.push_back(fd);
        std::string text = test::thrown_by([&] { staff.fill(); });
        for (const int fd : all) ::close(fd);
        staff.kill(1);
        const bool is_killed =
            those_gone(staff, staff.count()).at(0).status == ExitStatus::killed(SIGKILL);
        return text + (is_killed ? " killed" : " not killed");
    });

    CHECK(told == "nothing killed");
}

#endif
