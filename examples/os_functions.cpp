// SPDX-License-Identifier: BSL-1.0
// The basic functions of os: who this process is and where it works.
//
//     $ ./os_functions
//     Table 1. Basic functions
//     |Function|Return|
//     |--------|------|
//     |os.getpid|pid of the process|
//     |os.getcwd|current working directory|
//     |os.getuid|id of the user|
//     |os.getgid|id of the group|
//     [INFO] os.getpid: 29678
//     [INFO] os.getcwd: /home/me
//     [INFO] os.getuid: 1000
//     [INFO] os.getgid: 1000

#include <pyproc/os.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>

namespace os = pyproc::os;

int main() try {
    std::cout << "Table 1. Basic functions\n"
                 "|Function|Return|\n"
                 "|--------|------|\n"
                 "|os.getpid|pid of the process|\n"
                 "|os.getcwd|current working directory|\n"
                 "|os.getuid|id of the user|\n"
                 "|os.getgid|id of the group|\n";

    std::cout << "[INFO] os.getpid: " << os::getpid() << '\n';
    std::cout << "[INFO] os.getcwd: " << os::getcwd() << '\n';
    std::cout << "[INFO] os.getuid: " << os::getuid() << '\n';
    std::cout << "[INFO] os.getgid: " << os::getgid() << '\n';
} catch (const std::exception& error) {
    std::cerr << "os_functions: " << error.what() << '\n';
    return EXIT_FAILURE;
}
