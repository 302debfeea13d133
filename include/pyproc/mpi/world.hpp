// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <mpi.h>

#include <memory>

#include "pyproc/mpi/messenger.hpp"
#include "pyproc/multiprocessing/registry.hpp"

namespace pyproc::mpi::detail {

/// The ranks of a program, as one of them sees them, through a communicator of the
/// library's own.
struct World {
    explicit World(MPI_Comm communicator) : comm{communicator}, messenger{communicator} {
        MPI_Comm_rank(comm, &rank);
        MPI_Comm_size(comm, &size);
    }

    const MPI_Comm comm;
    int rank = 0;
    int size = 1;

    /// For rank 0, and for the executor alone as long as there is one.
    Messenger messenger;

    /// The executor that the ranks work for, if there is one.
    std::weak_ptr<multiprocessing::detail::Finisher> executor;
};

}  // namespace pyproc::mpi::detail
