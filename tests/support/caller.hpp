// SPDX-License-Identifier: BSL-1.0
// What starting a program, or failing to, must leave as it was.
#pragma once

#include <csignal>
#include <set>
#include <string>
#include <vector>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/descriptors.hpp"

namespace test {

/// The signals that the calling thread blocks.
inline std::vector<int> blocked_signals() {
    sigset_t mask;
    ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    std::vector<int> blocked;
    for (int signal = 1; signal < NSIG; ++signal) {
        if (::sigismember(&mask, signal) == 1) blocked.push_back(signal);
    }
    return blocked;
}

/// What is done for each signal.
inline std::vector<void (*)(int)> signal_actions() {
    std::vector<void (*)(int)> actions;
    for (int signal = 1; signal < NSIG; ++signal) {
        struct sigaction action {};
        ::sigaction(signal, nullptr, &action);
        actions.push_back(action.sa_handler);
    }
    return actions;
}

/// A caller's state, and in what it differs later. For a caller without children.
class Caller {
public:
    /// Empty if nothing has changed and no child is left; else it says what has.
    [[nodiscard]] std::string changes() const {
        std::string text;
        if (open_descriptors() != descriptors_) text += "; other descriptors are open";
        if (blocked_signals() != blocked_) text += "; other signals are blocked";
        if (signal_actions() != actions_) text += "; signals have other actions";
        const pid_t left = ::waitpid(-1, nullptr, WNOHANG);
        if (left > 0) text += "; a zombie is left";
        if (left == 0) text += "; a child is left";
        return text;
    }

private:
    std::set<int> descriptors_ = open_descriptors();
    std::vector<int> blocked_ = blocked_signals();
    std::vector<void (*)(int)> actions_ = signal_actions();
};

}  // namespace test
