// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `concurrent.futures`: calls that other processes make, as objects to wait for.

#include "pyproc/futures/errors.hpp"
#include "pyproc/futures/executor.hpp"
#include "pyproc/futures/future.hpp"
#include "pyproc/futures/process_pool_executor.hpp"
#include "pyproc/futures/wait.hpp"
#include "pyproc/futures/zip.hpp"
