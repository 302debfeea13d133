// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/child.hpp"

#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "pyproc/asyncio/wait.hpp"
#include "support/asio.hpp"
#include "support/killing.hpp"
#include "support/seccomp.hpp"
#include "support/waiting_child.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using test::is_there;
using test::Lifeline;
using test::wait_for;
using test::waiting_child;

TEST_CASE("Child: whoever drops the last share kills and reaps it") {
    const Lifeline life;
    asio::io_context context;
    auto child = waiting_child(context, life.input());
    const pid_t pid = child->pid();

    child.reset();

    CHECK_FALSE(is_there(pid));
}

TEST_CASE("Child: one that is given up is left alone") {
    const Lifeline life;
    asio::io_context context;
    auto child = waiting_child(context, life.input());
    const pid_t pid = child->pid();
    int returncode = 1;
    error_code code;

    const auto pidfd = child->release();
    wait_for(child, OnCancel::leave_child, [&](error_code why, int) { code = why; });
    context.run();
    const auto sent = child->send_signal(SIGKILL);
    child.reset();

    CHECK(pidfd);
    CHECK(code == asio::error::bad_descriptor);
    CHECK(sent.code() == ESRCH);
    REQUIRE(is_there(pid));
    ::kill(pid, SIGTERM);
    CHECK(::waitpid(pid, &returncode, 0) == pid);
    CHECK(WTERMSIG(returncode) == SIGTERM);
}

TEST_CASE("Child: one that can't be killed is reaped later, without a descriptor too") {
    Lifeline life;
    asio::io_context context;
    auto one = waiting_child(context, life.input());
    auto two = waiting_child(context, life.input());
    const pid_t first = one->pid();
    const pid_t second = two->pid();
    rlimit usual{};
    ::getrlimit(RLIMIT_NOFILE, &usual);
    const rlimit none_left{3, usual.rlim_max};

    test::in_sandbox({{{SYS_kill, test::pidfd_send_signal_call}, EPERM}}, [&] {
        one.reset();  // the reaper has begun by now
        ::setrlimit(RLIMIT_NOFILE, &none_left);
        two.reset();
        ::setrlimit(RLIMIT_NOFILE, &usual);
    });
    life.pipe.write_end.reset();

    CHECK(test::comes_about([=] { return !is_there(first) && !is_there(second); }));
}

TEST_CASE("Children: a context that is destroyed takes all its children along") {
    const Lifeline life;
    std::optional<asio::io_context> context{std::in_place};
    auto one = waiting_child(*context, life.input());
    auto two = waiting_child(*context, life.input());
    const pid_t first = one->pid();
    const pid_t second = two->pid();
    wait_for(one, OnCancel::end_child, [two](error_code, int) {});
    one.reset();
    two.reset();

    context.reset();

    CHECK_FALSE(is_there(first));
    CHECK_FALSE(is_there(second));
}
