// SPDX-License-Identifier: BSL-1.0
// Running a program, date(1), in four ways: as text, as bytes, with its exit code, and
// with nothing of it collected, so that it writes to the terminal by itself.
//
//     $ ./creation
//     [INFO] ret: Sat Oct 11 00:35:11 MSK 2025
//     [INFO] ret: b'Sat Oct 11 00:35:11 MSK 2025\n'
//     [INFO] ret: (0, 'Sat Oct 11 00:35:11 MSK 2025')
//     Sat Oct 11 00:35:11 MSK 2025
//     [INFO] ret: 0

#include <pyproc/repr.hpp>
#include <pyproc/subprocess.hpp>

#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>

namespace subprocess = pyproc::subprocess;

int main() try {
    const std::string text = subprocess::getoutput("date");
    std::cout << "[INFO] ret: " << text << '\n';

    const std::string bytes = subprocess::check_output("date");
    std::cout << "[INFO] ret: " << pyproc::repr_bytes(bytes) << '\n';

    const subprocess::StatusOutput both = subprocess::getstatusoutput("date");
    std::cout << "[INFO] ret: " << pyproc::repr(both) << '\n';

    // Into a pipe or a file its line comes first, as in Python: ours are still in a
    // buffer then. A program that minds flushes std::cout before it calls.
    const int exitcode = subprocess::call("date");
    std::cout << "[INFO] ret: " << exitcode << '\n';
} catch (const std::exception& error) {
    std::cerr << "creation: " << error.what() << '\n';
    return EXIT_FAILURE;
}
