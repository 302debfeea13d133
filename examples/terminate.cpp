// SPDX-License-Identifier: BSL-1.0
// A process that would run for eleven days, killed after five seconds.
//
//     $ ./terminate
//     [INFO] Process 32206 says: main
//     [INFO] Process 32208 says: loopy
//     [INFO] Number 1 of 1000000. Honk!
//     [INFO] Number 2 of 1000000. Honk!
//     [INFO] Number 3 of 1000000. Honk!
//     [INFO] Number 4 of 1000000. Honk!
//     [INFO] Number 5 of 1000000. Honk!

#include <pyproc/multiprocessing.hpp>
#include <pyproc/os.hpp>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <thread>

using namespace std::chrono_literals;
using pyproc::multiprocessing::Process;

void whoami(const std::string& what) {
    std::cout << "[INFO] Process " << pyproc::os::getpid() << " says: " << what << '\n';
}

void loopy(const std::string& name) {
    whoami(name);
    const int start = 1;
    const int stop = 1'000'000;
    for (int num = start; num < stop; ++num) {
        // Not flushed: a terminal shows each line at once, but a pipe or a file would get
        // them when the process ends by itself. One that is killed loses them, as
        // Python's does.
        std::cout << "[INFO] Number " << num << " of " << stop << ". Honk!\n";
        std::this_thread::sleep_for(1s);
    }
}

int main() try {
    whoami("main");
    Process p(loopy, "loopy");
    p.start();
    std::this_thread::sleep_for(5s);
    p.terminate();
} catch (const std::exception& error) {
    std::cerr << "terminate: " << error.what() << '\n';
    return EXIT_FAILURE;
}
