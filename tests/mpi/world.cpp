// SPDX-License-Identifier: BSL-1.0
#include "pyproc/mpi/world.hpp"

#include "support/catch.hpp"
#include "support/mpi.hpp"

TEST_CASE("the communicator is the library's own, with all ranks in it") {
    const auto& world = *test::session().world();
    int size = 0;
    MPI_Comm_size(MPI_COMM_WORLD, &size);

    CHECK(world.comm != MPI_COMM_WORLD);
    CHECK(world.rank == 0);
    CHECK(world.size == size);
}
