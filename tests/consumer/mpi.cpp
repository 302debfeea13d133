// SPDX-License-Identifier: BSL-1.0
// Built, and not run: that is for mpirun, with the settings of the machine.
#include <pyproc/mpi.hpp>

#include <cstdlib>

int main(int argc, char** argv) {
    pyproc::mpi::Session session(argc, argv);
    if (session.is_worker()) return session.serve();
    pyproc::mpi::MpiPoolExecutor executor(session);
    const int answer = executor.submit([](int n) { return 2 * n; }, 21).result();
    return answer == 42 ? EXIT_SUCCESS : EXIT_FAILURE;
}
