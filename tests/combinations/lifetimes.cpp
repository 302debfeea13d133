// SPDX-License-Identifier: BSL-1.0
// Handles that move, end early or end late: whatever becomes of them, no child and no
// descriptor is left, and no stranger is signalled.
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/syscall.h>
#endif

#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;

namespace {

constexpr const char* noop = CHILDREN "/child.noop";

#ifdef SANITIZED
constexpr int thousand = 100;
#else
constexpr int thousand = 1000;
#endif

Popen waiting_child() {
    return Popen({CHILDREN "/child.write_and_wait"},
                 {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});
}

bool is_our_child(pid_t pid) {
    return ::waitpid(pid, nullptr, WNOHANG) >= 0;
}

int highest_descriptor() {
    return *test::open_descriptors().rbegin();
}

}  // namespace

TEST_CASE("lifetimes: ten thousand starts leave the descriptors as they were") {
    const test::Caller before;
    int highest = 0;

    for (int i = 0; i < 10 * thousand; ++i) {
        Popen child({noop}, {.std_in = PIPE, .std_out = PIPE});
        if (i % thousand == 0) {
            // While one lives, too: so none is kept that a look at the end would miss.
            const int now = highest_descriptor();
            if (highest == 0) highest = now;
            CHECK(now == highest);
        }
    }

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: a thousand failed starts leave nothing behind") {
    const test::Caller before;
    int failed = 0;

    for (int i = 0; i < thousand; ++i) {
        try {
            const Popen child{{"/no/such/program"},
                              {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
        } catch (const FileNotFoundError&) {
            ++failed;
        }
    }

    CHECK(failed == thousand);
    CHECK(before.changes() == "");
}

TEST_CASE(
    "lifetimes: children by the hundred that live at once are all ended and reaped") {
    const test::Caller before;
    {
        std::vector<Popen> children;
        children.reserve(thousand / 5);
        for (int i = 0; i < thousand / 5; ++i) children.push_back(waiting_child());
        for (Popen& child : children) child.kill();
        int killed = 0;
        for (Popen& child : children) killed += child.wait() == -SIGKILL ? 1 : 0;
        CHECK(killed == thousand / 5);
    }

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: children in a vector survive its growth, and end with it") {
    const test::Caller before;
    {
        std::vector<Popen> children;
        std::vector<pid_t> pids;
        for (int i = 0; i < 9; ++i) {
            children.push_back(waiting_child());
            pids.push_back(children.back().pid());
        }
        for (std::size_t i = 0; i < children.size(); ++i) {
            CHECK(children[i].pid() == pids[i]);
            CHECK_FALSE(children[i].poll());
        }
        children.erase(children.begin() + 3);
        CHECK_FALSE(is_our_child(pids[3]));
        CHECK(children[3].pid() == pids[4]);
    }

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: two handles swap their children") {
    const test::Caller before;
    {
        Popen first = waiting_child();
        Popen second = waiting_child();
        const pid_t pids[] = {first.pid(), second.pid()};

        std::swap(first, second);

        CHECK(first.pid() == pids[1]);
        CHECK(second.pid() == pids[0]);
        CHECK(first.communicate("").std_out.empty());
        CHECK(first.returncode() == 0);
    }

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: a handle assigned to itself keeps its child") {
    Popen child = waiting_child();
    Popen& same = child;

    child = std::move(same);

    CHECK_FALSE(child.poll());
}

TEST_CASE("lifetimes: one that was moved from is destroyed, assigned to, and says so") {
    const test::Caller before;
    {
        Popen from = waiting_child();
        Popen to = std::move(from);
        // NOLINTBEGIN(bugprone-use-after-move): that is what it is about
        CHECK_THROWS_AS(from.wait(), std::logic_error);
        CHECK_THROWS_AS(from.poll(), std::logic_error);
        CHECK_THROWS_AS(from.kill(), std::logic_error);
        CHECK_THROWS_AS(from.communicate(), std::logic_error);
        CHECK(from.std_out.closed());
        from = waiting_child();
        CHECK_FALSE(from.poll());
        // NOLINTEND(bugprone-use-after-move)
    }

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: an exception that passes by a child ends and reaps it") {
    const test::Caller before;
    pid_t pid = -1;
    const auto throw_beside_a_child = [&] {
        const Popen child = waiting_child();
        pid = child.pid();
        throw std::runtime_error{"elsewhere"};
    };

    CHECK_THROWS_WITH(throw_beside_a_child(), "elsewhere");

    CHECK_FALSE(is_our_child(pid));
    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: if the second of a pair can't be started, the first is reaped") {
    struct Pair {
        Popen first;
        Popen second;
    };
    const test::Caller before;

    CHECK_THROWS_AS((Pair{waiting_child(), Popen({"/no/such/program"})}),
                    FileNotFoundError);

    CHECK(before.changes() == "");
}

TEST_CASE("lifetimes: a child may be made in one thread's function and end in another") {
    const test::Caller before;
    {
        Popen child = waiting_child();
        std::string output;
        std::thread{[moved = std::move(child), &output]() mutable {
            moved.std_in.write("x");
            output = moved.communicate().std_out;
        }}.join();
        CHECK(output.empty());
    }

    CHECK(before.changes() == "");
}

#ifdef __linux__
namespace {

/// Makes a child of this process that sleeps, under a number of our choice.
///
/// @return -1 if the number is taken or the kernel refuses.
/// Source: set_tid in clone(2), Linux 5.5.
pid_t make_stranger(pid_t pid) {
    struct {
        std::uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size,
            tls, set_tid, set_tid_size, cgroup;
    } arguments{};
    arguments.exit_signal = SIGCHLD;
    arguments.set_tid = reinterpret_cast<std::uint64_t>(&pid);
    arguments.set_tid_size = 1;
    constexpr long clone3 = 435;
    const long made = ::syscall(clone3, &arguments, sizeof arguments);
    if (made == 0) {
        for (;;) ::pause();
    }
    return static_cast<pid_t>(made);
}

/// Runs `body` as the first process of a pid namespace, where numbers are ours to give.
template <class Body>
std::string told_in_pid_namespace(Body body) {
    return test::told_by_forked([&]() -> std::string {
        const int flags = ::geteuid() == 0 ? CLONE_NEWPID : CLONE_NEWPID | CLONE_NEWUSER;
        if (::unshare(flags) != 0) return "no pid namespace";
        return test::told_by_forked(body);
    });
}

/// Whether a signal to `child`, which is gone, has hit a stranger that has its number.
std::string signal_beside_stranger(Popen& child) {
    const pid_t stranger = make_stranger(child.pid());
    if (stranger != child.pid()) return "no pid namespace";
    child.terminate();
    child.kill();
    // What ends a process is the first of the signals that do.
    ::kill(stranger, SIGUSR1);
    int status = 0;
    while (::waitpid(stranger, &status, 0) < 0 && errno == EINTR) {
    }
    return WTERMSIG(status) == SIGUSR1 ? "the stranger lives" : "the stranger was hit";
}

void check_lives(const std::string& told) {
    if (told == "no pid namespace") {
        WARN("this kernel or sandbox gives no pid namespace: nothing checked");
        return;
    }
    CHECK(told == "the stranger lives");
}

}  // namespace

TEST_CASE(
    "lifetimes: a stranger that was given a reaped child's number is not signalled") {
    check_lives(told_in_pid_namespace([] {
        Popen child({noop});
        child.wait();
        return signal_beside_stranger(child);
    }));
}

TEST_CASE("lifetimes: nor is one that has the number of a child reaped elsewhere") {
    if (!posix::platform::pidfd_open(::getpid())) return;  // a number is all there is
    check_lives(told_in_pid_namespace([] {
        Popen child({noop});
        while (::waitpid(child.pid(), nullptr, 0) < 0 && errno == EINTR) {
        }
        return signal_beside_stranger(child);
    }));
}
#endif
