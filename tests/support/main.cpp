// SPDX-License-Identifier: BSL-1.0
// The main program of every test.

// Makes version 2 of Catch2, a single header, define itself here; version 3 is a library.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <array>
#include <csignal>
#include <cstdlib>

#include <pthread.h>

#include "support/watch.hpp"

namespace {

/// Gives a forked child the default actions of the signals that Catch2 handles while a
/// test runs. Else a child that is terminated, which is what many tests do, would report
/// the test as failed with SIGTERM.
void forget_handlers_of_the_framework() {
    for (const int number :
         std::array{SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGABRT}) {
        struct sigaction action {};
        ::sigaction(number, nullptr, &action);
        if (action.sa_handler != SIG_IGN) std::signal(number, SIG_DFL);
    }
}

}  // namespace

int main(int argc, char** argv) {
    ::pthread_atfork(nullptr, nullptr, forget_handlers_of_the_framework);

    const int result = Catch::Session().run(argc, argv);

    if (result != 0) return result;
    return test::number_of_faults() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
