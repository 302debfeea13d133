// SPDX-License-Identifier: BSL-1.0
#include "pyproc/asyncio/handover.hpp"

#include <cerrno>
#include <csignal>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include <sys/syscall.h>
#include <unistd.h>

#include "pyproc/asyncio/launcher.hpp"
#include "support/asio.hpp"
#include "support/seccomp.hpp"

using namespace pyproc;
using namespace pyproc::asyncio;
using subprocess::Popen;

namespace {

constexpr const char* write_and_wait = CHILDREN "/child.write_and_wait";

/// How the child behind a handle of Boost.Process ended.
int wait_by(process_v2::process_handle& handle) {
    process_v2::native_exit_code_type status{};
    handle.wait(status);
    return status;
}

}  // namespace

TEST_CASE("to_process_handle: Boost.Process waits for a child of Popen's") {
    asio::io_context context;
    Popen child({write_and_wait}, {.std_in = PIPE});
    const pid_t pid = child.pid();
    auto in = std::move(child.std_in);
    const asio::any_io_executor executor = context.get_executor();

    process_v2::process_handle handle = to_process_handle(executor, std::move(child));
    int status = -1;
    handle.async_wait([&](error_code, int code) { status = code; });
    in.close();
    context.run();

    CHECK(handle.id() == pid);
    CHECK(status == 0);
}

TEST_CASE("to_process_handle: Boost.Process waits for a Process of ours") {
    asio::io_context context;
    Process child =
        Process::start(context.get_executor(), {write_and_wait}, {.std_in = PIPE});
    WriteStream in = std::move(child.std_in);

    process_v2::process_handle handle = to_process_handle(std::move(child));
    context.run();  // nothing of ours is left to do
    CHECK(::kill(handle.id(), SIGTERM) == 0);

    CHECK(WTERMSIG(wait_by(handle)) == SIGTERM);
}

TEST_CASE("to_process_handle: a child that has been reaped can't be handed over") {
    asio::io_context context;
    Popen child({CHILDREN "/child.noop"});
    child.wait();

    CHECK_THROWS_AS(to_process_handle(context.get_executor(), std::move(child)),
                    ProcessLookupError);
    CHECK(child.returncode() == 0);
}

TEST_CASE("to_process_handle: a handle that can't be made costs nobody the child") {
    asio::io_context context;
    const auto executor = context.get_executor();
    Popen one({write_and_wait}, {.std_in = PIPE});
    Process two = Process::start(executor, {write_and_wait}, {.std_in = PIPE});
    int failures = 0;
    const auto fails = [&failures](auto hand_over) {
        try {
            static_cast<void>(hand_over());
        } catch (const std::exception&) {
            ++failures;
        }
    };
    const auto hand_over_both = [&] {
        fails([&] { return to_process_handle(executor, std::move(one)); });
        fails([&] { return to_process_handle(std::move(two)); });
    };

    test::in_sandbox({{{SYS_epoll_ctl}, ENOSPC}}, hand_over_both);
    test::in_sandbox({{{test::pidfd_open_call}, ENOSYS}}, hand_over_both);

    CHECK(failures == 4);
    CHECK(one.pid() > 0);
    CHECK(two.pid() > 0);
    one.std_in.close();
    CHECK(one.wait() == 0);
    two.std_in.close();
    int returncode = -1;
    two.wait([&](error_code, int code) { returncode = code; });
    context.run();
    CHECK(returncode == 0);
}

TEST_CASE("from_process_handle: we wait for a child of Boost.Process's") {
    asio::io_context context;
    process_v2::process theirs{launcher{}(context.get_executor(),
                                          CHILDREN "/child.exit_with",
                                          std::vector<std::string>{"6"})};
    const pid_t pid = theirs.id();
    int returncode = -1;

    Process ours = from_process(std::move(theirs));
    ours.wait([&](error_code, int code) { returncode = code; });
    context.run();

    CHECK(ours.pid() == pid);
    CHECK(returncode == 6);
}

TEST_CASE("from_process: a process that can't be taken over stays where it was") {
    asio::io_context context;
    process_v2::process stranger{context.get_executor(), ::getpid()};

    CHECK_THROWS_AS(from_process(std::move(stranger)), ChildProcessError);

    CHECK(stranger.id() == ::getpid());
    stranger.detach();
}

TEST_CASE("from_process_handle: a handle that stands for none has nothing to give") {
    asio::io_context context;

    CHECK_THROWS_AS(
        from_process_handle(process_v2::process_handle{context.get_executor()}),
        ProcessLookupError);
}
