// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/clone.hpp"

#include <csignal>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/linux/child_calls.hpp"
#include "pyproc/posix/linux/pidfd.hpp"
#include "support/catch.hpp"

namespace platform = pyproc::posix::platform;
using platform::DescriptorTable;

namespace {

struct Seen {
    long pid = 0;
    int descriptor_to_close = -1;
    bool has_default_handler = false;
};

void look_and_exit(void* argument) noexcept {
    auto& seen = *static_cast<Seen*>(argument);
    seen.pid = platform::system_call(SYS_getpid);
    unsigned long action[8] = {};
    platform::system_call(SYS_rt_sigaction, SIGUSR1, 0, platform::address(action),
                          platform::kernel_sigset_size);
    seen.has_default_handler = action[0] == 0;
    if (seen.descriptor_to_close >= 0) {
        platform::system_call(SYS_close, seen.descriptor_to_close);
    }
    platform::exit_now(7);
}

int exit_code_of(const platform::Cloned& child) {
    siginfo_t info{};
    rusage usage{};
    const auto waited = platform::pidfd_wait(child.pidfd, WEXITED, info, usage);
    ::close(child.pidfd);
    return waited && info.si_code == CLD_EXITED ? info.si_status : -1;
}

}  // namespace

TEST_CASE("clone_and_run: the child is another process in the same memory") {
    Seen seen;

    const auto child =
        platform::clone_and_run(DescriptorTable::copied, look_and_exit, &seen)
            .or_throw("clone");

    CHECK(seen.pid == child.pid);
    CHECK(seen.pid != ::getpid());
    CHECK(exit_code_of(child) == 7);
}

TEST_CASE("clone_and_run: the pidfd is close-on-exec") {
    Seen seen;

    const auto child =
        platform::clone_and_run(DescriptorTable::copied, look_and_exit, &seen)
            .or_throw("clone");

    CHECK(::fcntl(child.pidfd, F_GETFD) == FD_CLOEXEC);
    CHECK(exit_code_of(child) == 7);
}

TEST_CASE("clone_and_run: no signal handler of the caller is set in the child") {
    const auto before = std::signal(SIGUSR1, [](int) {});
    Seen seen;

    const auto child =
        platform::clone_and_run(DescriptorTable::copied, look_and_exit, &seen)
            .or_throw("clone");
    std::signal(SIGUSR1, before);

    CHECK(exit_code_of(child) == 7);
    CHECK(seen.has_default_handler);
}

TEST_CASE("clone_and_run: what the child closes in a copied table stays open here") {
    Seen seen;
    seen.descriptor_to_close = ::dup(0);

    const auto child =
        platform::clone_and_run(DescriptorTable::copied, look_and_exit, &seen)
            .or_throw("clone");

    CHECK(exit_code_of(child) == 7);
    CHECK(::close(seen.descriptor_to_close) == 0);
}

TEST_CASE("clone_and_run: what the child closes in a shared table is closed here too") {
    Seen seen;
    seen.descriptor_to_close = ::dup(0);

    const auto child =
        platform::clone_and_run(DescriptorTable::shared, look_and_exit, &seen)
            .or_throw("clone");

    CHECK(exit_code_of(child) == 7);
    CHECK(::close(seen.descriptor_to_close) != 0);
}
