// SPDX-License-Identifier: BSL-1.0
// What starting a program and waiting for it costs, against the least that the kernel
// asks for it.

#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <string>

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.hpp"

namespace {

/// The program that all of them start.
const char* program = nullptr;

void raw_vfork() {
    const char* const argv[] = {program, nullptr};
    const pid_t pid = ::vfork();
    if (pid == 0) {
        ::execve(program, const_cast<char* const*>(argv), ::environ);
        ::_exit(127);
    }
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0) std::abort();
}

void posix_spawn_and_wait() {
    const char* const argv[] = {program, nullptr};
    pid_t pid = -1;
    if (::posix_spawn(&pid, program, nullptr, nullptr, const_cast<char* const*>(argv),
                      ::environ) != 0) {
        std::abort();
    }
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0) std::abort();
}

void fork_and_exec() {
    const char* const argv[] = {program, nullptr};
    const pid_t pid = ::fork();
    if (pid == 0) {
        ::execve(program, const_cast<char* const*>(argv), ::environ);
        ::_exit(127);
    }
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || status != 0) std::abort();
}

void our_call() {
    if (pyproc::subprocess::call({program}) != 0) std::abort();
}

void compare(const char* title, const char* started) {
    program = started;
    bench::compare(title,
                   {{"raw vfork + execve + waitpid (the floor)", raw_vfork},
                    {"pyproc::subprocess::call", our_call},
                    {"posix_spawn + waitpid", posix_spawn_and_wait},
                    {"fork + execve + waitpid", fork_and_exec}},
                   101, 40);
}

}  // namespace

int main() {
    compare("call of a static no-op program", CHILDREN "/child.noop");
    compare("call of a program without even a C library", CHILDREN "/child.bare");
}
