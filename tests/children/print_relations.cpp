// SPDX-License-Identifier: BSL-1.0
// Prints whether its session and its process group are its own, its parent's, or others.

#include <cstdio>

#include <unistd.h>

static const char* describe(pid_t id, pid_t parents) {
    return id == ::getpid() ? "own" : id == parents ? "parent's" : "other";
}

int main() {
    std::printf("session: %s, group: %s", describe(::getsid(0), ::getsid(::getppid())),
                describe(::getpgid(0), ::getpgid(::getppid())));
}
