// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `multiprocessing`: functions that run in processes of their own, and
/// what these wait for each other by.

#include "pyproc/multiprocessing/barrier.hpp"
#include "pyproc/multiprocessing/barrier_state.hpp"
#include "pyproc/multiprocessing/bootstrap.hpp"
#include "pyproc/multiprocessing/condition.hpp"
#include "pyproc/multiprocessing/event.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/lock.hpp"
#include "pyproc/multiprocessing/lock_state.hpp"
#include "pyproc/multiprocessing/memberships.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/semaphore.hpp"
#include "pyproc/multiprocessing/shared_state.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/synchronize.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/multiprocessing/target.hpp"
