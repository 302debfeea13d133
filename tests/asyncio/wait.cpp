// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/wait.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <memory>
#include <utility>

#include "support/asio.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"
#include "support/waiting_child.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using test::is_there;
using test::Lifeline;
using test::wait_for;
using test::waiting_child;

TEST_CASE("WaitOp: without a descriptor for it, a timer sees its end") {
    const Lifeline life;
    asio::io_context context;
    // One that reports nothing but what the kernel says of the number.
    auto child = std::make_shared<Child>(context.get_executor());
    spawn::Options options;
    options.std_in = life.input();
    auto started =
        subprocess::start_child({CHILDREN "/child.write_and_wait"}, options).child;
    started.pidfd.reset();
    child->take_over(std::move(started));
    int returncode = 0;

    wait_for(child, OnCancel::end_child,
             [&](error_code, int code) { returncode = code; });
    context.run_for(std::chrono::milliseconds{5});
    CHECK(returncode == 0);
    CHECK(child->send_signal(SIGKILL));
    context.run();

    CHECK(returncode == -SIGKILL);
}

TEST_CASE("WaitOp: a kernel without pidfds will do") {
    int returncode = 1;

    test::in_sandbox({{{test::clone3_call, test::pidfd_open_call}, ENOSYS}}, [&] {
        asio::io_context context;
        auto child = std::make_shared<Child>(context.get_executor());
        child->take_over(
            std::move(subprocess::start_child({CHILDREN "/child.noop"}, {}).child));
        wait_for(child, OnCancel::leave_child,
                 [&](error_code, int code) { returncode = code; });
        context.run();
    });
    // Else everything that follows would be started in the slow way.
    spawn::clone_engine_works = true;

    CHECK(returncode == 0);
}

TEST_CASE("abandon: the child is killed, and reaped by the loop") {
    const Lifeline life;
    asio::io_context context;
    auto child = waiting_child(context, life.input());
    const pid_t pid = child->pid();

    abandon(child);
    child.reset();
    context.run();

    CHECK_FALSE(is_there(pid));
}

TEST_CASE("abandon: a process made by fork leaves its parent's child alone") {
    const Lifeline life;
    asio::io_context context;
    const auto child = waiting_child(context, life.input());

    const int code = test::forked([&child] {
        abandon(child);
        child->end_now();
        return 0;
    });

    CHECK(code == 0);
    CHECK(is_there(child->pid()));
    CHECK_FALSE(child->poll());
}
