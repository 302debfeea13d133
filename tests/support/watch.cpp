// SPDX-License-Identifier: BSL-1.0
#include "support/watch.hpp"

#include <cerrno>
#include <csignal>
#include <iostream>
#include <set>
#include <string>

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/catch.hpp"
#include "support/descriptors.hpp"

namespace {

int faults = 0;

/// Signals that this thread blocks.
std::set<int> blocked_signals() {
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    std::set<int> blocked;
    for (int number = 1; number <= SIGRTMAX; ++number) {
        if (::sigismember(&mask, number) == 1) blocked.insert(number);
    }
    return blocked;
}

std::string listed(const std::set<int>& numbers) {
    std::string text;
    for (const int number : numbers) text += ' ' + std::to_string(number);
    return text.empty() ? " none" : text;
}

class Watch : public test::Listener {
public:
    using test::Listener::Listener;

    void testCaseStarting(const Catch::TestCaseInfo&) override {
        // Not at the program's start: only now does Catch2 have its output file open.
        descriptors_ = test::open_descriptors();
        blocked_ = blocked_signals();
    }

    void testCaseEnded(const Catch::TestCaseStats& stats) override {
        const std::string& name = test::name_of(stats);
        if (::getpid() != program_) {
            // A forked child has come out of the test's body, by return or exception, and
            // would now run the remaining tests a second time.
            std::cerr << "\"" << name
                      << "\": a child process went on as the test program\n";
            ::_exit(70);
        }
        check_children(name);
        if (const auto now = test::open_descriptors(); now != descriptors_) {
            complain(name, "open descriptors:" + listed(now) +
                               ", before the test:" + listed(descriptors_));
        }
        if (const auto now = blocked_signals(); now != blocked_) {
            complain(name, "blocked signals:" + listed(now) +
                               ", before the test:" + listed(blocked_));
        }
    }

private:
    void check_children(const std::string& name) {
        int status = 0;
        pid_t pid = 0;
        while ((pid = ::waitpid(-1, &status, WNOHANG)) > 0) {
            complain(name, "not waited for: child " + std::to_string(pid) +
                               ", wait status " + std::to_string(status));
        }
        const bool is_child_alive = pid == 0 || errno != ECHILD;
        // Only the first to leave one is to blame: it stays beside the tests that follow.
        if (is_child_alive && !was_child_alive_)
            complain(name, "a child is still running");
        was_child_alive_ = is_child_alive;
    }

    static void complain(const std::string& name, const std::string& what) {
        std::cerr << "\"" << name << "\" leaves behind: " << what << std::endl;
        ++faults;
    }

    const pid_t program_ = ::getpid();
    std::set<int> descriptors_ = {};
    std::set<int> blocked_ = {};
    bool was_child_alive_ = false;
};

}  // namespace

CATCH_REGISTER_LISTENER(Watch)

int test::number_of_faults() {
    return faults;
}
