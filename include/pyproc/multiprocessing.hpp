// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `multiprocessing`: functions that run in processes of their own.

#include "pyproc/multiprocessing/bootstrap.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/shareable_item.hpp"
#include "pyproc/multiprocessing/shareable_list.hpp"
#include "pyproc/multiprocessing/shared_memory.hpp"
#include "pyproc/multiprocessing/sharedctypes.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/multiprocessing/target.hpp"
