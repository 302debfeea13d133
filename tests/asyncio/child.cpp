// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/child.hpp"

#include <csignal>
#include <memory>
#include <optional>

#include <sys/syscall.h>

#include "pyproc/spawn/options.hpp"
#include "pyproc/subprocess/start_child.hpp"
#include "support/asio.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;

namespace {

/// A child that lives until it is killed, or this process has ended.
std::shared_ptr<Child> waiting_child(asio::io_context& context, int input) {
    spawn::Options options;
    options.std_in = input;
    auto child = std::make_shared<Child>(context.get_executor());
    child->take_over(std::move(
        subprocess::start_child({CHILDREN "/child.write_and_wait"}, options).child));
    return child;
}

/// A pipe whose open end keeps children alive that read from the other.
struct Lifeline {
    posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
    [[nodiscard]] int input() const { return pipe.read_end.get(); }
};

template <class Handler>
void wait_for(const std::shared_ptr<Child>& child, OnCancel on_cancel, Handler handler) {
    asio::any_io_executor executor = child->get_executor();
    asio::async_compose<Handler, void(error_code, int)>(WaitOp{child, on_cancel}, handler,
                                                        executor);
}

bool is_there(pid_t pid) {
    return ::kill(pid, 0) == 0;
}

}  // namespace

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

TEST_CASE("Child: without a descriptor for it, a timer sees its end") {
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

TEST_CASE("Child: a kernel without pidfds will do") {
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
