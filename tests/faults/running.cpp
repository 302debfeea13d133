// SPDX-License-Identifier: BSL-1.0
// Calls that fail once the child runs. What must come of it: one exception that names the
// call, nothing lost for a caller who asks again, and no child left by the destructor.
#ifdef __linux__
#include <cerrno>
#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "faults/errors.hpp"
#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/seccomp.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

constexpr const char* copy_input = CHILDREN "/child.copy_input";
constexpr const char* write_and_wait = CHILDREN "/child.write_and_wait";

const std::string more_than_a_pipe_holds(1 << 20, 'x');

const std::vector<unsigned> poll_calls{
    SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
};
const std::vector<unsigned> signal_calls{test::pidfd_send_signal_call, SYS_kill};

/// These calls for one descriptor.
test::Refusal refuse_for(int fd, const std::vector<unsigned>& calls, int code) {
    return {calls, code, {{.index = 0, .value = static_cast<unsigned>(fd)}}};
}

/// What comes of `action(child)` where the calls that `refusal(child)` names fail, and of
/// the child after it.
///
/// @param finish  Ends the child, outside of the sandbox. @return empty if all is well.
template <class Start, class MakeRefusal, class Action, class Finish>
std::string under(Start start, MakeRefusal refusal, Action action, Finish finish) {
    return test::told_by_forked([&] {
        const test::Caller before;
        std::string faults;
        std::exception_ptr failure;
        {
            Popen child = start();
            test::in_sandbox({refusal(child)}, [&] {
                const auto blocked = test::blocked_signals();
                failure = test::failure_of([&] { action(child); });
                if (test::blocked_signals() != blocked)
                    faults += "; other signals blocked";
            });
            faults += finish(child);
        }
        return test::text_of(failure) + faults + before.changes();
    });
}

Popen start_copying() {
    return Popen({copy_input}, {.std_in = PIPE, .std_out = PIPE});
}
Popen start_copying_twice() {
    return Popen({copy_input, "twice"},
                 {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE});
}
Popen start_writing() {
    return Popen({CHILDREN "/child.flood", "1000000", "1"}, {.std_out = PIPE});
}
Popen start_waiting() {
    return Popen({write_and_wait}, {.std_in = PIPE});
}

std::string leave_it(Popen&) {
    return {};
}

std::string end_it(Popen& child) {
    child.std_in.close();
    return child.wait() == 0 ? "" : "; the child failed";
}

std::string finish_copying(Popen& child) {
    const Output output = child.communicate();
    std::string faults;
    if (output.std_out != more_than_a_pipe_holds) faults += "; output was lost";
    if (child.returncode() != 0) faults += "; the child failed";
    return faults;
}

}  // namespace

TEST_CASE("communicate: a call that fails is named, and the next call loses nothing") {
    struct {
        const char* step;
        std::vector<int> codes;
        test::Refusal (*refusal)(const Popen& child, int code);
    } const faults[] = {
        {"poll",
         {ENOMEM, EINVAL, EFAULT},
         [](const Popen&, int code) {
             return test::Refusal{poll_calls, code};
         }},
        {"read",
         {EIO, ENOMEM, EISDIR},
         [](const Popen& child, int code) {
             return refuse_for(child.std_out.fileno(), {SYS_read}, code);
         }},
        {"write",
         {EIO, ENOSPC, ENOMEM},
         [](const Popen& child, int code) {
             return refuse_for(child.std_in.fileno(), {SYS_write}, code);
         }},
        {"fcntl",
         {ENOMEM, EPERM},
         [](const Popen& child, int code) {
             return refuse_for(child.std_in.fileno(), {SYS_fcntl}, code);
         }},
    };

    for (const auto& [step, codes, refusal] : faults) {
        for (const int code : codes) {
            for (const auto start : {start_copying, start_copying_twice}) {
                const std::string told = under(
                    start,
                    [&, make = refusal](Popen& child) { return make(child, code); },
                    [](Popen& child) { child.communicate(more_than_a_pipe_holds); },
                    finish_copying);
                CHECK(told == test::expected(code, step));
            }
        }
    }
}

TEST_CASE("communicate: one pipe alone that can't be read is named, and read later") {
    const std::string told = under(
        start_writing,
        [](Popen& child) { return refuse_for(child.std_out.fileno(), {SYS_read}, EIO); },
        [](Popen& child) { child.communicate(); },
        [](Popen& child) {
            const bool is_whole = child.communicate().std_out.size() == 1'000'000;
            return std::string{is_whole ? "" : "; output was lost"};
        });

    CHECK(told == test::expected(EIO, "read"));
}

TEST_CASE("communicate: a child abandoned after a failure is reaped by the destructor") {
    const std::string told = under(
        start_copying,
        [](Popen&) {
            return test::Refusal{poll_calls, ENOMEM};
        },
        [](Popen& child) { child.communicate(more_than_a_pipe_holds); }, leave_it);

    CHECK(told == test::expected(ENOMEM, "poll"));
}

TEST_CASE("streams: a read that fails is named, and the next one loses nothing") {
    const auto refuse_reading = [](Popen& child) {
        return refuse_for(child.std_out.fileno(), {SYS_read}, EIO);
    };
    const auto read_all = [](Popen& child) {
        const bool is_whole = child.std_out.read().size() == 1'000'000;
        return std::string{is_whole ? "" : "; output was lost"};
    };

    CHECK(under(
              start_writing, refuse_reading,
              [](Popen& child) { static_cast<void>(child.std_out.read()); },
              read_all) == test::expected(EIO, "read"));
    CHECK(under(
              start_writing, refuse_reading,
              [](Popen& child) { static_cast<void>(child.std_out.readline()); },
              read_all) == test::expected(EIO, "read"));
}

TEST_CASE("streams: a write that fails is named") {
    const auto refuse_writing = [](Popen& child) {
        return refuse_for(child.std_in.fileno(), {SYS_write}, EIO);
    };

    CHECK(under(
              start_waiting, refuse_writing,
              [](Popen& child) {
                  child.std_in.write("x");
                  child.std_in.flush();
              },
              end_it) == test::expected(EIO, "write"));
    CHECK(under(
              start_waiting, refuse_writing,
              [](Popen& child) { child.std_in.write(more_than_a_pipe_holds); },
              end_it) == test::expected(EIO, "write"));
    CHECK(under(
              start_waiting, refuse_writing,
              [](Popen& child) {
                  child.std_in.write("x");
                  child.std_in.close();
              },
              end_it) == test::expected(EIO, "write"));
}

TEST_CASE("wait and poll: where a call is refused, another one serves") {
    const auto start = [] { return Popen({CHILDREN "/child.exit_with", "7"}); };
    const auto expect_seven = [](Popen& child) {
        return child.returncode() == 7 ? "" : "; the status was lost";
    };
    for (const auto& calls : {std::vector<unsigned>{SYS_waitid}, poll_calls}) {
        for (const int code : {ENOSYS, EPERM, ENOMEM}) {
            const auto refusal = [&](Popen&) { return test::Refusal{calls, code}; };
            CHECK(under(
                      start, refusal, [](Popen& child) { child.wait(); }, expect_seven) ==
                  "no error");
            CHECK(under(
                      start, refusal, [](Popen& child) { child.wait(1h); },
                      expect_seven) == "no error");
            CHECK(under(
                      start, refusal, [](Popen& child) { child.communicate(); },
                      expect_seven) == "no error");
            CHECK(under(
                      start, refusal,
                      [](Popen& child) {
                          while (!child.poll()) std::this_thread::yield();
                      },
                      expect_seven) == "no error");
        }
    }
}

TEST_CASE("wait with a limit: its limit holds where poll is refused") {
    const std::string told = under(
        start_waiting,
        [](Popen&) {
            return test::Refusal{poll_calls, ENOMEM};
        },
        [](Popen& child) {
            try {
                child.wait(20ms);
            } catch (const TimeoutExpired&) {
                return;
            }
            throw_os_error(EIO, "the child ended");
        },
        end_it);

    CHECK(told == "no error");
}

TEST_CASE("signals: one that can't be sent is said, and the child lives on") {
    for (const int code : {EPERM, EAGAIN, ENOMEM}) {
        const std::string told = under(
            start_waiting,
            [&](Popen&) {
                return test::Refusal{signal_calls, code};
            },
            [](Popen& child) { child.terminate(); }, end_it);
        CHECK(told == test::expected(code, "cannot send a signal to the child (kill)"));
    }
}

TEST_CASE("pidfd: without a descriptor left it is EMFILE, and the child lives on") {
    if (!posix::platform::pidfd_open(::getpid())) return;
    const std::string told = under(
        start_waiting,
        [](Popen&) {
            return test::Refusal{{SYS_fcntl}, EMFILE};
        },
        [](Popen& child) { static_cast<void>(child.pidfd()); }, end_it);

    CHECK_THAT(told, test::StartsWith("OSError 24: "));
    CHECK_THAT(told, !test::Contains(";"));
}

TEST_CASE("run: whatever fails once the child runs, it is killed and reaped") {
    const std::string told = test::told_by_forked([] {
        const test::Caller before;
        std::string error;
        test::in_sandbox({{poll_calls, ENOMEM}}, [&] {
            error = test::error_of(
                [] { run({copy_input}, {.input = "x", .std_out = PIPE}); });
        });
        return error + before.changes();
    });

    CHECK(told == test::expected(ENOMEM, "poll"));
}

TEST_CASE("run: a child that may not be killed at the limit is waited for") {
    const std::string told = test::told_by_forked([] {
        const test::Caller before;
        std::string error = "no TimeoutExpired";
        test::in_sandbox({{signal_calls, EPERM}}, [&] {
            try {
                // It ends once nobody reads from it any more.
                run({CHILDREN "/child.flood", "-1", "1"},
                    {.std_out = PIPE, .timeout = 10ms});
            } catch (const TimeoutExpired&) {
                error.clear();
            }
        });
        return error + before.changes();
    });

    CHECK(told == "");
}

TEST_CASE("signals: none is sent for a child that has been reaped") {
    const auto refusal = [](Popen&) {
        return test::Refusal{signal_calls, EPERM};  // which would be an exception
    };
    const auto signal_it = [](Popen& child) {
        child.terminate();
        child.kill();
        child.send_signal(SIGHUP);
    };
    const auto start_and_wait = [] {
        Popen child({CHILDREN "/child.noop"});
        child.wait();
        return child;
    };
    const auto start_and_lose = [] {
        Popen child({CHILDREN "/child.noop"});
        while (::waitpid(-1, nullptr, 0) < 0 && errno == EINTR) {
        }
        return child;
    };

    CHECK(under(start_and_wait, refusal, signal_it, leave_it) == "no error");
    // The kernel is asked then, who knows that the child is gone: for the pidfd,
    // permission to ask is what it takes.
    const auto nothing_refused = [](Popen&) {
        return test::Refusal{{SYS_kill, SYS_tgkill, SYS_tkill}, EPERM};
    };
    CHECK(under(start_and_lose, nothing_refused, signal_it, leave_it) == "no error");
}
#endif
