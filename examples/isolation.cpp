// SPDX-License-Identifier: BSL-1.0
// What a child changes in its memory, its working directory and its environment, neither
// its parent nor its brothers ever see.
//
//     $ ./isolation
//     Process is isolated out of other processes, process can't see what other processes are doing!
//     [INFO] main: number 0, directory /home/me, COLOUR none
//     [INFO] first: number 1, directory /, COLOUR red
//     [INFO] second: number 0, directory /home/me, COLOUR none
//     [INFO] main: number 0, directory /home/me, COLOUR none

#include <pyproc/multiprocessing.hpp>
#include <pyproc/os.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace os = pyproc::os;
using pyproc::multiprocessing::Process;

int number = 0;

void look(const std::string& who) {
    std::cout << "[INFO] " << who << ": number " << number << ", directory "
              << os::getcwd() << ", COLOUR " << os::getenv("COLOUR", "none") << '\n';
}

void change(const std::string& who) {
    number = 1;
    os::chdir("/");
    os::setenv("COLOUR", "red");
    look(who);
}

int main() try {
    std::cout << "Process is isolated out of other processes, "
                 "process can't see what other processes are doing!\n";
    os::unsetenv("COLOUR");
    look("main");

    // One after the other: whatever the first could leave behind the second would find.
    Process first(change, "first");
    first.start();
    first.join();

    Process second(look, "second");
    second.start();
    second.join();

    look("main");
} catch (const std::exception& error) {
    std::cerr << "isolation: " << error.what() << '\n';
    return EXIT_FAILURE;
}
