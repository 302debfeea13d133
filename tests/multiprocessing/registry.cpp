// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/registry.hpp"

#include <csignal>
#include <cstdlib>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;

namespace {

/// A child that lives until it is killed, or ends at once.
SharedState start(bool is_sleeper, bool is_daemon = false) {
    Registry& registry = Registry::here();
    auto state = std::make_shared<ProcessState>(registry.next_identity(), ::getpid(),
                                                "child", is_daemon);
    std::list<SharedState> entry{state};
    const test::Channel ready;
    const pid_t pid = ::fork();
    if (pid == 0) {
        ready.tell();
        if (!is_sleeper) ::_exit(0);
        for (;;) ::pause();
    }
    auto pidfd = pyproc::posix::platform::pidfd_open(pid);
    state->set_started(pid, pidfd ? std::move(*pidfd) : pyproc::posix::UniqueFd{}, {});
    registry.add(entry);
    // A signal that comes before the fork's own handlers are done finds the framework's.
    ready.await();
    return state;
}

void end(const SharedState& state) {
    state->child()->send_signal(SIGKILL).or_throw("kill");
    state->child()->wait();
    Registry::here().forget(state);
}

}  // namespace

TEST_CASE("Registry: the main program is MainProcess, no daemon, and nobody's child") {
    const ProcessState& self = *Registry::here().current();

    CHECK(*self.name() == "MainProcess");
    CHECK(self.identity().empty());
    CHECK_FALSE(self.is_daemon());
    CHECK_FALSE(self.is_creator_here());
}

TEST_CASE("Registry: there is one for a process, and another for a forked child") {
    Registry* const ours = &Registry::here();

    const int code = test::forked([ours] {
        Registry& theirs = Registry::here();
        return &theirs != ours && &Registry::here() == &theirs ? 0 : 1;
    });

    CHECK(&Registry::here() == ours);
    CHECK(code == 0);
}

TEST_CASE("next_identity: counts the children that were made here") {
    const unsigned last = Registry::here().next_identity().back();

    CHECK(Registry::here().next_identity() == Identity{last + 1});
}

TEST_CASE("enter_child: the child is the one named, and counts from 1 below it") {
    const auto state =
        std::make_shared<ProcessState>(Identity{7}, ::getpid(), "x", false);

    const int code = test::forked([&state] {
        Registry::enter_child(Registry::for_child(state, Parent{}, -1));
        const bool is_self = Registry::here().current() == state;
        return is_self && Registry::here().next_identity() == Identity{7, 1} ? 0 : 1;
    });

    CHECK(code == 0);
}

TEST_CASE("for_child: made by the parent, it knows that one as the child's parent") {
    Registry& ours = Registry::here();
    const auto state =
        std::make_shared<ProcessState>(Identity{7}, ::getpid(), "x", false);
    auto theirs = Registry::for_child(state, ours.as_parent(), -1);

    const int code = test::forked([&] {
        Registry::enter_child(std::move(theirs));
        const ParentLink& parent = Registry::here().parent();
        return parent.state() == ours.current() && parent.pid() == ::getppid() ? 0 : 1;
    });

    CHECK(code == 0);
    CHECK_FALSE(ours.parent().state());
}

TEST_CASE("active_children: those that run, in the order of their start") {
    const SharedState first = start(true);
    const SharedState second = start(true);

    CHECK(Registry::here().active_children() == std::vector{first, second});

    end(first);
    end(second);
    CHECK(Registry::here().active_children().empty());
}

TEST_CASE("active_children: reaps those that have ended") {
    const SharedState child = start(false);

    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(child->pid()), &info, WEXITED | WNOWAIT);

    CHECK(Registry::here().active_children().empty());
    CHECK(child->child()->ended());
}

TEST_CASE("A child that something else has forked does not have its parent's children") {
    const SharedState child = start(true, true);

    const int code = test::forked([] {
        Registry::here().finish_children();
        return Registry::here().active_children().empty() ? 0 : 1;
    });

    CHECK(code == 0);
    CHECK_FALSE(child->child()->poll());
    end(child);
}

TEST_CASE("finish_children: daemons are terminated, others waited for") {
    const SharedState daemon = start(true, true);
    const SharedState other = start(false, false);

    Registry::here().finish_children();

    CHECK(daemon->child()->ended()->status == pyproc::ExitStatus::killed(SIGTERM));
    CHECK(other->child()->ended()->status == pyproc::ExitStatus::exited(0));
    CHECK(Registry::here().active_children().empty());
}

TEST_CASE("finish_children_at_exit: looks after a child that an exit handler starts") {
    const test::Channel channel;
    static const test::Channel* told = nullptr;
    told = &channel;

    const int code = test::forked([] {
        // Runs after the registry's handler, which is registered after it.
        std::atexit([] {
            const SharedState daemon = start(true, true);
            Registry::here().finish_children_at_exit();
            told->tell(std::to_string(daemon->pid()));
        });
        Registry::here().finish_children_at_exit();
        std::exit(0);
        return 1;
    });

    CHECK(code == 0);
    CHECK(::kill(std::stoi(channel.hear()), 0) ==
          -1);  // reaped, so it is nobody's number
}

TEST_CASE("finish_children: first finishes what has children of its own, each once") {
    using pyproc::multiprocessing::detail::Finisher;
    struct Counting : Finisher {
        int calls = 0;
        void finish() noexcept override { ++calls; }
    };
    const auto finisher = std::make_shared<Counting>();
    Registry::here().add(std::weak_ptr<Finisher>{std::make_shared<Counting>()});
    Registry::here().add(std::weak_ptr<Finisher>{finisher});

    Registry::here().finish_children();
    Registry::here().finish_children();

    CHECK(finisher->calls == 1);
}
