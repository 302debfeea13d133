// SPDX-License-Identifier: BSL-1.0
// Signals that arrive all the time, and calls that end early for them (EINTR): no result
// differs.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "faults/errors.hpp"
#include "pyproc/subprocess.hpp"
#include "support/caller.hpp"
#include "support/catch.hpp"
#include "support/forked.hpp"

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;

namespace {

constexpr const char* copy_input = CHILDREN "/child.copy_input";

std::atomic<int> alarms = 0;  // any thread may get one

/// While it lives this process gets a signal, over and over, whose handler lets system
/// calls end with EINTR. For a forked child.
class Storm {
public:
    Storm() {
        alarms = 0;
        struct sigaction action {};
        action.sa_handler = [](int) { ++alarms; };  // and no SA_RESTART
        ::sigaction(SIGALRM, &action, nullptr);
        set_timer(300);
    }
    ~Storm() { set_timer(0); }
    Storm(const Storm&) = delete;
    Storm& operator=(const Storm&) = delete;

private:
    static void set_timer(suseconds_t microseconds) {
        const timeval period{0, microseconds};
        const itimerval timer{period, period};
        ::setitimer(ITIMER_REAL, &timer, nullptr);
    }
};

/// What `body` tells in the storm, which must have come: `body` is called until it has.
template <class Body>
std::string told_in_storm(Body body) {
    return test::told_by_forked([&] {
        std::string told;
        std::string changes;
        {
            const Storm storm;
            const test::Caller before;
            do {
                told = test::error_of([&] {
                    const std::string fault = body();
                    if (!fault.empty()) throw_os_error(EIO, fault);
                });
            } while (told == "no error" && alarms < 20);
            changes = before.changes();
        }
        return told + changes;
    });
}

}  // namespace

TEST_CASE("interrupted all the time, a start starts, and a failing one fails alike") {
    for (const bool by_clone : {true, false}) {
        const std::string told = told_in_storm([&]() -> std::string {
            spawn::clone_engine_works = by_clone;
            for (int i = 0; i < 20; ++i) {
                Popen child{{CHILDREN "/child.exit_with", "7"},
                            {.std_in = PIPE, .std_out = DEVNULL}};
                if (child.wait() != 7) return "the status was lost";
                std::string error = test::error_of([] {
                    const Popen none{{"/no/such/program"}, {.std_in = PIPE}};
                });
                const std::string right = test::expected(
                    ENOENT, "cannot execute the program (execve)", "/no/such/program");
                if (error != right) return error;
            }
            return {};
        });
        CHECK(told == "no error");
    }
}

TEST_CASE("interrupted all the time, communicate moves all, both ways") {
    const std::string input(3 << 20, 'x');
    const std::string told = told_in_storm([&]() -> std::string {
        Popen child{{copy_input, "twice"},
                    {.std_err = PIPE, .std_in = PIPE, .std_out = PIPE}};
        const Output output = child.communicate(input, 1h);
        if (output.std_out != input || output.std_err != input) return "bytes were lost";
        if (child.returncode() != 0) return "the child failed";

        Popen writing{{CHILDREN "/child.flood", "3000000", "1"}, {.std_out = PIPE}};
        if (writing.communicate().std_out.size() != 3'000'000) return "output was lost";
        return {};
    });

    CHECK(told == "no error");
}

TEST_CASE("interrupted all the time, streams read and write all") {
    const std::string line(1000, 'x');
    const std::string told = told_in_storm([&]() -> std::string {
        Popen child{{copy_input}, {.std_in = PIPE, .std_out = PIPE}};
        for (int i = 0; i < 100; ++i) {
            child.std_in.write(line + '\n');
            child.std_in.flush();
            if (child.std_out.readline() != line + '\n') return "a line was lost";
        }
        child.std_in.close();
        return child.std_out.read().empty() ? "" : "too much was read";
    });

    CHECK(told == "no error");
}

TEST_CASE("interrupted all the time, a wait lasts until the child ends or its limit") {
    const std::string told = told_in_storm([]() -> std::string {
        Popen child{{CHILDREN "/child.write_and_wait"}, {.std_in = PIPE}};
        const auto start = std::chrono::steady_clock::now();
        try {
            child.wait(20ms);
            return "the child ended early";
        } catch (const TimeoutExpired&) {
        }
        if (std::chrono::steady_clock::now() - start < 20ms) return "it gave up early";
        // Long enough for many signals. (TSan holds their handler back meanwhile, so that
        // they can't be counted.)
        std::thread killer{[&] {
            std::this_thread::sleep_for(20ms);
            child.kill();
        }};
        const int code = child.wait();
        killer.join();
        return code == -SIGKILL ? "" : "the status was lost";
    });

    CHECK(told == "no error");
}
