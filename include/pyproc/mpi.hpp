// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Executors on MPI, with the target `pyproc::mpi`. Python: `mpi4py.futures`.

#include "pyproc/mpi/back_off.hpp"
#include "pyproc/mpi/call.hpp"
#include "pyproc/mpi/messenger.hpp"
#include "pyproc/mpi/mpi_pool_executor.hpp"
#include "pyproc/mpi/program.hpp"
#include "pyproc/mpi/rank_loads.hpp"
#include "pyproc/mpi/rank_pool.hpp"
#include "pyproc/mpi/ranks.hpp"
#include "pyproc/mpi/session.hpp"
#include "pyproc/mpi/task_list.hpp"
#include "pyproc/mpi/worker.hpp"
#include "pyproc/mpi/world.hpp"
