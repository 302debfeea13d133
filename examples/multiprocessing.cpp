// SPDX-License-Identifier: BSL-1.0
// Functions that run in processes of their own. The four run at once, so the order of
// their lines may differ.
//
//     $ ./multiprocessing
//     [INFO] Process 29678 says: I'm the main program
//     [INFO] Process 29681 says: I'm function 0
//     [INFO] Process 29682 says: I'm function 1
//     [INFO] Process 29683 says: I'm function 2
//     [INFO] Process 29684 says: I'm function 3

#include <pyproc/multiprocessing.hpp>
#include <pyproc/os.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

using pyproc::multiprocessing::Process;

void whoami(const std::string& what) {
    std::cout << "[INFO] Process " << pyproc::os::getpid() << " says: " << what << '\n';
}

int main() try {
    whoami("I'm the main program");
    for (int n = 0; n < 4; ++n) {
        Process p(whoami, "I'm function " + std::to_string(n));
        p.start();
    }
    // The end of the program waits for all of them.
} catch (const std::exception& error) {
    std::cerr << "multiprocessing: " << error.what() << '\n';
    return EXIT_FAILURE;
}
