// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/parent_link.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <string>

#include <sys/wait.h>
#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;
using namespace std::chrono_literals;
using pyproc::posix::Deadline;

namespace {

Parent parent_of_child(bool is_direct = true) {
    return {std::make_shared<ProcessState>(Identity{}, pid_t{0}, "parent", false),
            ::getpid(), is_direct};
}

/// What a child tells that outlives its parent: the parent is killed once the child has
/// told that it is there.
template <class Body>
std::string told_by_orphan(bool is_direct, Body body) {
    const test::Channel channel;
    const pid_t parent = ::fork();
    if (parent == 0) {
        const Parent link = parent_of_child(is_direct);
        if (::fork() == 0) {
            ParentLink ours{link};
            channel.tell(ours.is_alive() ? "alive" : "dead");
            channel.tell(body(ours));
            ::_exit(0);
        }
        for (;;) ::pause();
    }
    std::string told = channel.hear();
    ::kill(parent, SIGKILL);
    ::waitpid(parent, nullptr, 0);
    return told + ", " + channel.hear();
}

}  // namespace

TEST_CASE("ParentLink: the parent is alive while it is") {
    const Parent parent = parent_of_child();

    const int code = test::forked([&parent] {
        const ParentLink link{parent};
        const bool is_over = link.wait_until(Deadline::after(1ms));
        return link.is_alive() && !is_over && link.pid() == ::getppid() ? 0 : 1;
    });

    CHECK(code == 0);
}

TEST_CASE("wait_until: wakes when the parent ends, and from then on it is not alive") {
    const auto wait = [](ParentLink& link) {
        const bool is_over = link.wait_until(Deadline{});
        return std::string{is_over && !link.is_alive() ? "over" : "wrong"};
    };

    CHECK(told_by_orphan(true, wait) == "alive, over");
    CHECK(told_by_orphan(false, wait) == "alive, over");
}

#if !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
TEST_CASE("sentinel: readable once the parent has ended, also when asked for later") {
    CHECK(told_by_orphan(true, [](ParentLink& link) {
              const int sentinel = link.sentinel().or_throw("sentinel");
              return std::string{test::is_ready(sentinel, 10'000) ? "ready" : "not"};
          }) == "alive, ready");
    CHECK(told_by_orphan(true, [](ParentLink& link) {
              static_cast<void>(link.wait_until(Deadline{}));
              const int sentinel = link.sentinel().or_throw("sentinel");
              return std::string{test::is_ready(sentinel) ? "ready" : "not"};
          }) == "alive, ready");
}
#endif

TEST_CASE("for_foreign_fork: a grandchild still knows whether its grandparent lives") {
    CHECK(told_by_orphan(true, [](ParentLink& link) {
              const int code = test::forked([&link] {
                  const ParentLink theirs{link.for_foreign_fork()};
                  return theirs.wait_until(Deadline{}) ? 0 : 1;
              });
              return std::string{code == 0 ? "over" : "wrong"};
          }) == "alive, over");
}
