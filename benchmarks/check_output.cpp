// SPDX-License-Identifier: BSL-1.0
// What collecting a short output costs, against the least that the kernel asks for it.

#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.hpp"

namespace {

constexpr const char* print_30 = CHILDREN "/child.print_30";

void raw_vfork_pipe_read() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    const char* const argv[] = {print_30, nullptr};
    const pid_t pid = ::vfork();
    if (pid == 0) {
        ::dup2(ends[1], 1);
        ::execve(print_30, const_cast<char* const*>(argv), ::environ);
        ::_exit(127);
    }
    ::close(ends[1]);
    std::string output;
    char bytes[4096];
    for (ssize_t got = 0; (got = ::read(ends[0], bytes, sizeof bytes)) > 0;) {
        output.append(bytes, static_cast<std::size_t>(got));
    }
    ::close(ends[0]);
    int status = 0;
    if (::waitpid(pid, &status, 0) != pid || output.size() != 30) std::abort();
}

void our_check_output() {
    if (pyproc::subprocess::check_output({print_30}).size() != 30) std::abort();
}

}  // namespace

int main() {
    bench::compare("check_output of 30 bytes",
                   {{"raw vfork + pipe + read (the floor)", raw_vfork_pipe_read},
                    {"pyproc::subprocess::check_output", our_check_output}},
                   101, 40);
}
