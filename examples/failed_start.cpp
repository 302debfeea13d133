// SPDX-License-Identifier: BSL-1.0
// A start that fails as a value and not as an exception, for programs to which that is an
// ordinary answer: which step failed, and why.
//
//     $ ./failed_start
//     [INFO] true: ended with 0
//     [INFO] no-such-program: cannot execute the program (execve), No such file or directory
//     [INFO] true: cannot enter the working directory (chdir), Not a directory

#include <pyproc/os.hpp>
#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <system_error>

namespace spawn = pyproc::spawn;
namespace os = pyproc::os;

void try_to_start(const spawn::Args& args, const spawn::Options& options) {
    const spawn::Streams streams = spawn::open_streams(options);
    const spawn::Prepared prepared{args, options, streams.sources, streams.pipes};

    spawn::StartResult child = spawn::start(prepared.plan());

    std::cout << "[INFO] " << prepared.program() << ": ";
    if (child) {
        const auto [pid, status] = os::waitpid(child->pid, 0);
        std::cout << "ended with " << os::waitstatus_to_exitcode(status) << '\n';
    } else {
        const std::error_code reason{child.failure().code, std::system_category()};
        std::cout << spawn::describe(child.failure().at) << ", " << reason.message()
                  << '\n';
    }
}

int main() try {
    try_to_start({"true"}, {});
    try_to_start({"no-such-program"}, {});
    try_to_start({"true"}, {.cwd = "/dev/null"});
} catch (const std::exception& error) {
    std::cerr << "failed_start: " << error.what() << '\n';
    return EXIT_FAILURE;
}
