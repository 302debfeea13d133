// SPDX-License-Identifier: BSL-1.0
// The main program of the tests that mpirun starts: rank 0 runs them, the others serve.

// Makes version 2 of Catch2, a single header, define itself here; version 3 is a library.
#define CATCH_CONFIG_RUNNER
#include "support/catch.hpp"

#include <cstdlib>

#include "support/mpi.hpp"
#include "support/watch.hpp"

namespace {

pyproc::mpi::Session* the_session = nullptr;

}  // namespace

pyproc::mpi::Session& test::session() {
    return *the_session;
}

int main(int argc, char** argv) {
    pyproc::mpi::Session session(argc, argv);
    if (session.is_worker()) return session.serve();
    the_session = &session;

    const int result = Catch::Session().run(argc, argv);

    if (result != 0) return result;
    return test::number_of_faults() == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
