// SPDX-License-Identifier: BSL-1.0
// Prints "blocked", the numbers of the signals it started with blocked, "ignored", and
// those it started with ignored.

#include <csignal>
#include <cstdio>

#include <signal.h>

int main() {
    sigset_t mask;
    ::sigprocmask(SIG_BLOCK, nullptr, &mask);
    std::printf("blocked");
    for (int n = 1; n < NSIG; ++n) {
        if (::sigismember(&mask, n) == 1) std::printf(" %d", n);
    }
    std::printf(" ignored");
    for (int n = 1; n < NSIG; ++n) {
        struct sigaction action {};
        if (::sigaction(n, nullptr, &action) == 0 && action.sa_handler == SIG_IGN) {
            std::printf(" %d", n);
        }
    }
    std::printf("\n");
}
