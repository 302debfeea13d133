// SPDX-License-Identifier: BSL-1.0
// What every engine of spawn/ promises. Include after the engine's header.
#pragma once

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pyproc/posix/io.hpp"
#include "pyproc/posix/pipe.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/prepare.hpp"
#include "pyproc/spawn/streams.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

namespace test {

using namespace pyproc;
using namespace pyproc::spawn;

/// A plan for the program that does nothing, made without `Prepared`: so it needs no
/// memory and no descriptor.
struct NoopPlan {
    NoopPlan() noexcept {
        plan.argv = argv;
        plan.envp = argv + 1;
        plan.candidates = candidates;
    }
    NoopPlan(const NoopPlan&) = delete;
    NoopPlan& operator=(const NoopPlan&) = delete;

    const char* argv[2] = {"noop", nullptr};
    const char* candidates[2] = {CHILDREN "/child.noop", nullptr};
    Plan plan;
};

/// How a child started by `engine` ended, or what kept it from running.
struct Outcome {
    int wait_status = -1;
    Failure failure{};
    bool has_started = false;
    std::string output = {};
};

template <class Engine>
Outcome start_and_wait(Engine engine, const Args& args, const Options& options = {}) {
    Streams streams = open_streams(options);
    const Prepared prepared{args, options, streams.sources, streams.pipes};
    StartResult result = engine(prepared.plan());
    if (!result) return {.failure = result.failure()};

    Outcome outcome{.has_started = true};
    streams.theirs = {};
    if (streams.ours.out) {
        char bytes[4096];
        for (;;) {
            const auto got =
                posix::read_some(streams.ours.out.get(), bytes, sizeof bytes);
            if (!got || *got == 0) break;
            outcome.output.append(bytes, *got);
        }
    }
    ::waitpid(result->pid, &outcome.wait_status, 0);
    return outcome;
}

/// The rules, in a test case of the engine's own name.
template <class Engine>
void check_engine(Engine engine) {
    SECTION("a program runs and ends with its own code") {
        const auto outcome = start_and_wait(engine, {CHILDREN "/child.exit_with", "42"});

        CHECK(outcome.has_started);
        CHECK(WEXITSTATUS(outcome.wait_status) == 42);
    }
    SECTION("a missing program is reported, and the child reaped") {
        const auto outcome = start_and_wait(engine, {"/no/such/program"});

        CHECK_FALSE(outcome.has_started);
        CHECK(outcome.failure.at == Step::execute);
        CHECK(outcome.failure.code == ENOENT);
        CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
    }
    SECTION("a missing directory is told from a missing program") {
        const auto outcome = start_and_wait(engine, {CHILDREN "/child.noop"},
                                            {.cwd = "/no/such/directory"});

        CHECK(outcome.failure.at == Step::enter_directory);
        CHECK(outcome.failure.code == ENOENT);
    }
    SECTION("only the standard descriptors and those passed are open in the child") {
        const int leak = ::dup2(0, 50);
        const int passed = ::dup2(0, 60);
        const int above = ::dup2(0, 300);

        const auto outcome = start_and_wait(engine, {CHILDREN "/child.print_descriptors"},
                                            {.pass_fds = {passed}, .std_out = PIPE});

        CHECK(outcome.output == "0 1 2 60 ");
        for (const int fd : {leak, passed, above}) ::close(fd);
    }
    SECTION("without close_fds, what is not close-on-exec is inherited") {
        const int inherited = ::dup2(0, 50);
        const int close_on_exec = ::fcntl(0, F_DUPFD_CLOEXEC, 51);

        const auto outcome = start_and_wait(engine, {CHILDREN "/child.print_descriptors"},
                                            {.close_fds = false, .std_out = PIPE});

        CHECK_THAT(" " + outcome.output, test::Contains(" 50 "));
        CHECK_THAT(" " + outcome.output,
                   !test::Contains(" " + std::to_string(close_on_exec) + " "));
        ::close(inherited);
        ::close(close_on_exec);
    }
    SECTION("the caller's descriptors stay open when the child closes its own") {
        const int kept = ::dup2(0, 50);

        start_and_wait(engine, {CHILDREN "/child.noop"});

        CHECK(::fcntl(kept, F_GETFD) == 0);
        ::close(kept);
    }
    SECTION("the child has the caller's signal mask, and none of its handlers") {
        sigset_t usr1;
        sigset_t before;
        sigemptyset(&usr1);
        sigaddset(&usr1, SIGUSR1);
        ::pthread_sigmask(SIG_BLOCK, &usr1, &before);
        const auto old_handler = std::signal(SIGUSR2, [](int) {});
        const auto old_pipe = std::signal(SIGPIPE, SIG_IGN);
        const auto old_hup = std::signal(SIGHUP, SIG_IGN);

        const auto restored =
            start_and_wait(engine, {CHILDREN "/child.print_signals"}, {.std_out = PIPE});
        const auto kept = start_and_wait(engine, {CHILDREN "/child.print_signals"},
                                         {.restore_signals = false, .std_out = PIPE});
        std::signal(SIGUSR2, old_handler);
        std::signal(SIGPIPE, old_pipe);
        std::signal(SIGHUP, old_hup);
        ::pthread_sigmask(SIG_SETMASK, &before, nullptr);

        CHECK_THAT(restored.output, test::StartsWith("blocked 10 ignored 1"));
        CHECK_THAT(restored.output, !test::Contains(" 13"));
        CHECK_THAT(kept.output, test::Contains(" 13"));
    }
    SECTION("standard descriptors that the caller has swapped arrive swapped") {
        posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
        // Standard output goes where standard error was, and the reverse.
        const int saved_err = ::dup(2);
        ::dup2(pipe.write_end.get(), 2);
        const auto outcome = start_and_wait(engine, {CHILDREN "/child.flood", "5", "1"},
                                            {.std_err = 1, .std_out = 2});
        ::dup2(saved_err, 2);
        ::close(saved_err);
        pipe.write_end.reset();
        char bytes[16];

        CHECK(outcome.has_started);
        CHECK(::read(pipe.read_end.get(), bytes, sizeof bytes) == 5);
    }
    SECTION(
        "a session of its own, a umask, a directory: what is asked for is what there "
        "is") {
        const auto outcome = start_and_wait(
            engine, {CHILDREN "/child.print_identity"},
            {.cwd = "/", .start_new_session = true, .std_out = PIPE, .umask = 027});

        int pid = 0;
        int group = 0;
        int session = 0;
        REQUIRE(std::sscanf(outcome.output.c_str(), "pid %d pgid %d sid %d", &pid, &group,
                            &session) == 3);
        CHECK(group == pid);
        CHECK(session == pid);
        CHECK_THAT(outcome.output, test::EndsWith("umask 27 cwd /\n"));
    }
    SECTION("a pipe whose number is high is connected, and the rest is closed") {
        std::vector<int> low(200);
        for (int& fd : low) fd = ::dup(0);

        const auto outcome = start_and_wait(
            engine, {CHILDREN "/child.print_descriptors"},
            {.pass_fds = {low[10]}, .std_err = STDOUT, .std_in = PIPE, .std_out = PIPE});

        CHECK(outcome.output == "0 1 2 " + std::to_string(low[10]) + " ");
        for (const int fd : low) ::close(fd);
    }
    SECTION("high and closed descriptors together arrive where they belong") {
        posix::Pipe pipe = posix::make_pipe().or_throw("pipe");
        const int answer = forked([&] {
            const int high = ::fcntl(pipe.write_end.get(), F_DUPFD_CLOEXEC, 300);
            ::close(0);
            ::close(2);
            const auto outcome =
                start_and_wait(engine, {CHILDREN "/child.print_descriptors"},
                               {.std_err = 1, .std_out = high});
            return outcome.has_started ? 0 : 1;
        });
        pipe.write_end.reset();
        char bytes[64] = {};
        const auto got = ::read(pipe.read_end.get(), bytes, sizeof bytes);

        CHECK(answer == 0);
        CHECK(std::string(bytes, got > 0 ? static_cast<std::size_t>(got) : 0) == "1 2 ");
    }
    SECTION("a process group of its own leaves the session as it is") {
        const auto outcome = start_and_wait(engine, {CHILDREN "/child.print_identity"},
                                            {.process_group = 0, .std_out = PIPE});

        int pid = 0;
        int group = 0;
        int session = 0;
        REQUIRE(std::sscanf(outcome.output.c_str(), "pid %d pgid %d sid %d", &pid, &group,
                            &session) == 3);
        CHECK(group == pid);
        CHECK(session == ::getsid(0));
    }
}

}  // namespace test
