// SPDX-License-Identifier: BSL-1.0
#include "pyproc/multiprocessing/popen_fork.hpp"

#include <memory>
#include <string>

#include <unistd.h>

#include "multiprocessing/support.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc::multiprocessing::detail;
using pyproc::multiprocessing::SystemExit;

namespace {

SharedState make_state() {
    return std::make_shared<ProcessState>(Registry::here().next_identity(), ::getpid(),
                                          "child", false);
}

template <class Run>
pyproc::ExitStatus end_of(Run run) {
    const SharedState state = make_state();
    state->claim_start();
    start_by_fork(state, run);
    const auto end = state->child()->wait();
    Registry::here().forget(state);
    return end.status;
}

std::string calls;

}  // namespace

TEST_CASE("start_by_fork: the child is a copy of the process, and this one's child") {
    const int n = 7;
    const pid_t parent = ::getpid();

    const auto end = end_of([&] { throw SystemExit{::getppid() == parent ? n : 1}; });

    CHECK(end == pyproc::ExitStatus::exited(n));
}

TEST_CASE("start_by_fork: the child knows its parent") {
    const auto end = end_of([] {
        const ParentLink& parent = Registry::here().parent();
        const bool is_right = *parent.state()->name() == "MainProcess" &&
                              parent.pid() == ::getppid() && parent.is_alive();
        throw SystemExit{is_right ? 7 : 1};
    });

    CHECK(end == pyproc::ExitStatus::exited(7));
}

TEST_CASE("start_by_fork: calls what register_at_fork was given, on each side") {
    const std::string told = test::told_by_forked([] {
        const test::Channel channel;
        pyproc::posix::register_at_fork([] { calls += "before "; },
                                        [] { calls += "parent"; },
                                        [] { calls += "child "; });
        static_cast<void>(end_of([&channel] { channel.tell(calls); }));
        return channel.hear() + calls;
    });

    CHECK(told == "before child before parent");
}

TEST_CASE("start_by_fork: a child that is cancelled ends, and the parent may be again") {
    const auto end = end_of([] {
        ::pthread_cancel(::pthread_self());
        ::pthread_testcancel();
        throw SystemExit{1};
    });
    int state = -1;
    ::pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);

    CHECK(end == pyproc::ExitStatus::exited(0));
    CHECK(state == PTHREAD_CANCEL_ENABLE);
}
