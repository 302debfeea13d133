// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `subprocess`: starting programs, talking to them, waiting for their end.

#include "pyproc/errors.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/redirect.hpp"
#include "pyproc/subprocess/completed_process.hpp"
#include "pyproc/subprocess/errors.hpp"
#include "pyproc/subprocess/popen.hpp"
#include "pyproc/subprocess/run.hpp"
#include "pyproc/subprocess/stream.hpp"
