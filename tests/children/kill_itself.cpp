// SPDX-License-Identifier: BSL-1.0
// Ends by the signal that its argument names.

#include <csignal>
#include <cstdlib>

#include <unistd.h>

int main(int, char** argv) {
    const int signal = static_cast<int>(std::strtol(argv[1], nullptr, 10));
    std::signal(signal, SIG_DFL);
    ::kill(::getpid(), signal);
    ::pause();
}
