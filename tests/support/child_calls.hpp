// SPDX-License-Identifier: BSL-1.0
// What both sides of posix/*/child_calls.hpp promise alike. Include after one of them.
#pragma once

#include <cerrno>
#include <climits>
#include <csignal>
#include <set>
#include <string>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"
#include "support/forked.hpp"

namespace platform = pyproc::posix::platform;

TEST_CASE("block_all_signals: every signal is blocked until the mask is put back") {
    sigset_t before;
    sigemptyset(&before);

    platform::block_all_signals(before);
    sigset_t during;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &during);
    platform::change_signal_mask(&before, nullptr);

    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGCHLD, SIGALRM}) {
        CHECK(sigismember(&during, signal) == 1);
    }
}

TEST_CASE("reset_handler: a handler goes, an ignored signal stays ignored") {
    const int answer = test::forked([] {
        std::signal(SIGUSR1, [](int) {});
        std::signal(SIGUSR2, SIG_IGN);
        platform::reset_handler(SIGUSR1);
        platform::reset_handler(SIGUSR2);
        if (std::signal(SIGUSR1, SIG_DFL) != SIG_DFL) return 1;
        return std::signal(SIGUSR2, SIG_DFL) == SIG_IGN ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("reset_signal_action: an ignored signal has its default action again") {
    const int answer = test::forked([] {
        std::signal(SIGPIPE, SIG_IGN);
        if (platform::reset_signal_action(SIGPIPE) != 0) return 1;
        return std::signal(SIGPIPE, SIG_DFL) == SIG_DFL ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("parent_of_caller: it is the process that made the caller") {
    const pid_t ours = ::getpid();

    CHECK(test::forked([&] { return platform::parent_of_caller() == ours ? 0 : 1; }) ==
          0);
}

TEST_CASE("put_descriptor: the copy is open in place of the other and survives exec") {
    const int from = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int to = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK(platform::put_descriptor(from, to) == to);

    CHECK(::fcntl(to, F_GETFD) == 0);
    ::close(from);
    ::close(to);
}

TEST_CASE("put_descriptor: one that is not open is EBADF") {
    CHECK(platform::put_descriptor(999'999, 1) == -EBADF);
}

TEST_CASE("save_descriptor: the copy is close-on-exec and above the standard ones") {
    const long saved = platform::save_descriptor(0);

    CHECK(saved > 2);
    CHECK(::fcntl(static_cast<int>(saved), F_GETFD) == FD_CLOEXEC);
    ::close(static_cast<int>(saved));
}

TEST_CASE("open_file_now: the file is close-on-exec, or the errno says why not") {
    const long fd = platform::open_file_now("/dev/null", O_RDONLY);

    CHECK(::fcntl(static_cast<int>(fd), F_GETFD) == FD_CLOEXEC);
    ::close(static_cast<int>(fd));
    CHECK(platform::open_file_now("/no/such/file", O_RDONLY) == -ENOENT);
}

TEST_CASE("keep_open_on_exec: close-on-exec is cleared") {
    const int fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);

    CHECK(platform::keep_open_on_exec(fd) == 0);

    CHECK(::fcntl(fd, F_GETFD) == 0);
    ::close(fd);
    CHECK(platform::keep_open_on_exec(fd) == -EBADF);
}

TEST_CASE("close_descriptors: those within the range are closed, and no other") {
    const int answer = test::forked([] {
        for (const int fd : {20, 21, 300, 600, 601}) ::dup2(0, fd);
        platform::close_descriptors(21, 600, 4096);
        const std::set<int> open = test::open_descriptors();
        for (const int fd : {21, 300, 600}) {
            if (open.contains(fd)) return 1;
        }
        return open.contains(0) && open.contains(20) && open.contains(601) ? 0 : 2;
    });

    CHECK(answer == 0);
}

TEST_CASE("close_descriptors: without an end, all above the first are closed") {
    const int answer = test::forked([] {
        for (const int fd : {20, 600, 1000}) ::dup2(0, fd);
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        platform::close_descriptors(3, INT_MAX, static_cast<int>(limit.rlim_cur));
        return test::open_descriptors() == std::set<int>{0, 1, 2} ? 0 : 1;
    });

    CHECK(answer == 0);
}

TEST_CASE("close_descriptors: an empty range closes nothing") {
    const auto before = test::open_descriptors();

    platform::close_descriptors(3, 2, 4096);

    CHECK(test::open_descriptors() == before);
}

TEST_CASE("change_directory: the working directory changes, or the errno says why not") {
    const int answer = test::forked([] {
        if (platform::change_directory("/no/such/place") != -ENOENT) return 1;
        if (platform::change_directory("/") != 0) return 2;
        char path[64];
        return std::string{::getcwd(path, sizeof path)} == "/" ? 0 : 3;
    });

    CHECK(answer == 0);
}

TEST_CASE("change_umask, start_session, join_process_group: as their POSIX namesakes") {
    const int answer = test::forked([] {
        platform::change_umask(0027);
        if (::umask(0) != 0027) return 1;
        if (platform::join_process_group(0) != 0) return 2;
        if (::getpgid(0) != ::getpid()) return 3;
        // A group's leader can't start a session.
        return platform::start_session() == -EPERM ? 0 : 4;
    });

    CHECK(answer == 0);
}

TEST_CASE("set_limit: the limit holds, or the errno says why not") {
    const int answer = test::forked([] {
        if (platform::set_limit(RLIMIT_NOFILE, {64, 64}) != 0) return 1;
        rlimit limit{};
        ::getrlimit(RLIMIT_NOFILE, &limit);
        if (limit.rlim_cur != 64 || limit.rlim_max != 64) return 2;
        return platform::set_limit(RLIMIT_NOFILE, {9, 3}) == -EINVAL ? 0 : 3;
    });

    CHECK(answer == 0);
}

TEST_CASE("set_groups, set_group, set_user: the process is another's, or may not be") {
    const int answer = test::forked([] {
        const gid_t groups[] = {4321};
        if (::geteuid() != 0) {
            return platform::set_groups(1, groups) == -EPERM &&
                           platform::set_user(::geteuid() + 1) == -EPERM
                       ? 0
                       : 1;
        }
        if (platform::set_groups(1, groups) != 0) return 2;
        if (platform::set_group(1234) != 0) return 3;
        if (platform::set_user(12345) != 0) return 4;
        uid_t real = 0;
        uid_t effective = 0;
        uid_t saved = 0;
        if (::getresuid(&real, &effective, &saved) != 0) return 5;
        if (real != 12345 || effective != 12345 || saved != 12345) return 6;
        gid_t group = 0;
        if (::getgroups(1, &group) != 1 || group != 4321) return 7;
        return ::getegid() == 1234 ? 0 : 8;
    });

    CHECK(answer == 0);
}

TEST_CASE("execute: a program takes the process over, or the errno says why not") {
    const int answer = test::forked([] {
        const char* const argv[] = {"exit_with", "9", nullptr};
        const char* const envp[] = {nullptr};
        if (platform::execute("/no/such/program", argv, envp) != -ENOENT) return 1;
        platform::execute(CHILDREN "/child.exit_with", argv, envp);
        return 2;
    });

    CHECK(answer == 9);
}

TEST_CASE("exit_now: the process ends with the code and without atexit handlers") {
    const int answer = test::forked([] {
        std::atexit([] { ::_exit(1); });
        platform::exit_now(5);
        return 2;
    });

    CHECK(answer == 5);
}
