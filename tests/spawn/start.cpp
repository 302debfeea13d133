// SPDX-License-Identifier: BSL-1.0
#include "pyproc/spawn/start.hpp"

#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "support/catch.hpp"
#include "support/engine.hpp"
#include "support/forked.hpp"
#ifdef __linux__
#include "support/seccomp.hpp"
#endif

using namespace pyproc::spawn;

namespace {

#if defined(PYPROC_PORTABLE) && PYPROC_PORTABLE
constexpr bool lacks_parent_death = true;
#else
constexpr bool lacks_parent_death = false;
#endif

}  // namespace

TEST_CASE("start") {
    test::check_engine(start);
}

TEST_CASE("start: it uses the fast engine where there is one") {
    const auto by_clone = test::start_and_wait(start_by_clone, {CHILDREN "/child.noop"});

    test::start_and_wait(start, {CHILDREN "/child.noop"});

    CHECK(clone_engine_works == by_clone.has_started);
}

TEST_CASE("start: once the fast engine has been refused, the portable one serves") {
    const bool worked = std::exchange(clone_engine_works, false);

    test::check_engine(start);

    clone_engine_works = worked;
}

TEST_CASE("start: a process limit is EAGAIN, and the caller's signal mask as it was") {
    const int answer = test::forked([] {
        if (::geteuid() == 0 && ::setuid(65534) != 0) return 1;  // root has no such limit
        const rlimit none{0, 0};
        ::setrlimit(RLIMIT_NPROC, &none);
        const test::NoopPlan noop;

        const StartResult result = start(noop.plan);

        if (result) return 2;
        if (result.failure().at != Step::make_child) return 3;
        if (result.failure().code != EAGAIN) return 4;
        sigset_t mask;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
            if (sigismember(&mask, signal) != 0) return 5;
        }
        return 0;
    });

    CHECK(answer == 0);
}

TEST_CASE(
    "start: many threads start children at once, and no pipe leaks into a brother") {
    constexpr int threads_count = 8;
    constexpr int rounds = 25;
    std::vector<int> passed_on(200);
    for (int& fd : passed_on) fd = ::dup(0);  // not close-on-exec
    std::vector<std::thread> threads;
    threads.reserve(threads_count);
    std::vector<int> right(threads_count);

    for (int& count : right) {
        threads.emplace_back([&count] {
            for (int i = 0; i < rounds; ++i) {
                const auto outcome = test::start_and_wait(
                    start, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
                count += outcome.output == "0 1 2 " ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    for (const int fd : passed_on) ::close(fd);

    CHECK(right == std::vector<int>(threads_count, rounds));
}

TEST_CASE(
    "start: what the caller runs in the child sees all options done, and can't reach "
    "back") {
    int changed_by_child = 0;
    const Options options{.cwd = "/",
                          .preexec_fn =
                              [&] {
                                  changed_by_child = 1;
                                  char path[16];
                                  const char* const directory =
                                      ::getcwd(path, sizeof path);
                                  const bool is_root = std::string{directory} == "/";
                                  ::dprintf(1, is_root ? "in / " : "elsewhere ");
                              },
                          .std_out = PIPE};

    const auto outcome =
        test::start_and_wait(start, {CHILDREN "/child.print_descriptors"}, options);

    CHECK(outcome.output == "in / 0 1 2 ");
    CHECK(changed_by_child == 0);
}

TEST_CASE("start: a descriptor that the preexec function opens is closed as others are") {
    const Options options{.preexec_fn = [] { ::dup2(0, 77); }, .std_out = PIPE};

    const auto outcome =
        test::start_and_wait(start, {CHILDREN "/child.print_descriptors"}, options);

    CHECK(outcome.output == "0 1 2 ");
}

TEST_CASE("start: a preexec function that throws is a failure of that step, and reaped") {
    const auto outcome = test::start_and_wait(start, {CHILDREN "/child.noop"},
                                              {.preexec_fn = [] { throw 1; }});

    CHECK_FALSE(outcome.has_started);
    CHECK(outcome.failure.at == Step::preexec);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);
}

TEST_CASE(
    "start: the preexec function runs with the caller's mask and none of its handlers") {
    const auto before = std::signal(SIGUSR1, [](int) {});
    const Options options{.preexec_fn = [] {
        sigset_t mask;
        ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
        if (sigismember(&mask, SIGTERM) == 1) ::_exit(5);
        if (std::signal(SIGUSR1, SIG_DFL) != SIG_DFL) ::_exit(6);
    }};

    const auto outcome = test::start_and_wait(start, {CHILDREN "/child.noop"}, options);

    std::signal(SIGUSR1, before);
    CHECK(outcome.wait_status == 0);
}

#ifdef __linux__
TEST_CASE("start: a child that dies with its parent is killed when that is") {
    // Its standard streams are the test's own, so that nothing else can end it.
    pyproc::posix::Pipe input = pyproc::posix::make_pipe().or_throw("pipe");
    pyproc::posix::Pipe output = pyproc::posix::make_pipe().or_throw("pipe");

    const int answer = test::forked([&] {
        const Args args{CHILDREN "/child.write_and_wait", "ready"};
        const Options options{.die_with_parent = true,
                              .std_in = input.read_end.get(),
                              .std_out = output.write_end.get()};
        const Streams streams = open_streams(options);
        const Prepared prepared{args, options, streams.sources, streams.pipes};
        const StartResult result = start(prepared.plan());
        if (!result) return 100 + result.failure().code;
        char ready[5];
        if (::read(output.read_end.get(), ready, sizeof ready) != 5) return 1;
        return ::kill(::getpid(), SIGKILL);
    });
    output.write_end.reset();
    char byte = 0;

    if (lacks_parent_death) {
        CHECK(answer == 100 + ENOSYS);
        return;
    }
    CHECK(answer == -SIGKILL);
    CHECK(::read(output.read_end.get(), &byte, 1) == 0);
}

TEST_CASE(
    "start: a child that dies with its parent outlives the thread that started it") {
    if (lacks_parent_death) return;
    const Args args{CHILDREN "/child.copy_input"};
    const Options options{.die_with_parent = true, .std_in = PIPE, .std_out = PIPE};
    Streams streams = open_streams(options);
    pid_t thread = 0;
    pid_t child = 0;

    std::thread{[&] {
        thread = ::gettid();
        const Prepared prepared{args, options, streams.sources, streams.pipes};
        StartResult result = start(prepared.plan());
        if (result) child = result->pid;
    }}.join();
    // Joined is not gone: only then would the kernel have killed the child.
    const std::string entry = "/proc/self/task/" + std::to_string(thread);
    while (::access(entry.c_str(), F_OK) == 0) std::this_thread::yield();
    streams.theirs = {};
    const auto written = ::write(streams.ours.in.get(), "alive", 5);
    streams.ours.in.reset();
    char bytes[8] = {};
    const auto got = ::read(streams.ours.out.get(), bytes, sizeof bytes);
    int status = -1;
    ::waitpid(child, &status, 0);

    CHECK(written == 5);
    CHECK(std::string(bytes) == "alive");
    CHECK(got == 5);
    CHECK(status == 0);
}

TEST_CASE("start: a child that dies with its parent has the signal mask of its caller") {
    if (lacks_parent_death) return;
    sigset_t usr1;
    sigset_t before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    ::pthread_sigmask(SIG_BLOCK, &usr1, &before);

    const auto outcome = test::start_and_wait(start, {CHILDREN "/child.print_signals"},
                                              {.die_with_parent = true, .std_out = PIPE});

    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    CHECK_THAT(outcome.output, test::StartsWith("blocked 10 ignored"));
}

TEST_CASE("start: what a sandbox refuses, with either errno, is done in another way") {
    for (const int code : {ENOSYS, EPERM}) {
        for (const auto& calls :
             {std::initializer_list<unsigned>{test::clone3_call},
              {test::close_range_call},
              {test::pidfd_open_call, test::clone3_call},
              {test::clone3_call, test::close_range_call, test::pidfd_open_call,
               test::pidfd_send_signal_call}}) {
            const int answer = test::forked([&] {
                ::dup2(0, 50);
                test::refuse(calls, code);
                for (int i = 0; i < 2; ++i) {
                    const auto outcome = test::start_and_wait(
                        start, {CHILDREN "/child.print_descriptors"}, {.std_out = PIPE});
                    if (outcome.output != "0 1 2 ") return 1;
                    if (test::start_and_wait(start, {"/none"}).failure.code != ENOENT)
                        return 2;
                }
                return ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 3;
            });
            CHECK(answer == 0);
        }
    }
}

TEST_CASE("start: a failed start is reaped though waiting by pidfd is refused") {
    const int answer = test::forked([] {
        test::refuse_waiting_by_pidfd(EINVAL);
        const auto outcome = test::start_and_wait(start, {"/none"});
        if (outcome.failure.code != ENOENT) return 1;
        return ::waitpid(-1, nullptr, WNOHANG) == -1 ? 0 : 2;
    });

    CHECK(answer == 0);
}
#endif

TEST_CASE("start: no descriptor of our own takes the number of a closed standard one") {
    const int answer = test::forked([] {
        ::close(0);
        ::close(1);
        const test::NoopPlan noop;

        StartResult result = start(noop.plan);

        const bool are_free = ::fcntl(0, F_GETFD) < 0 && ::fcntl(1, F_GETFD) < 0;
        if (result) ::waitpid(result->pid, nullptr, 0);
        return result && are_free ? 0 : 1;
    });

    CHECK(answer == 0);
}
