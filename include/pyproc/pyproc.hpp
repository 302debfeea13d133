// SPDX-License-Identifier: BSL-1.0
#pragma once

/// All of the library that needs nothing linked: `os`, `shlex`, `subprocess`,
/// `multiprocessing`.

#include "pyproc/multiprocessing.hpp"
#include "pyproc/os.hpp"
#include "pyproc/repr.hpp"
#include "pyproc/shlex.hpp"
#include "pyproc/subprocess.hpp"
