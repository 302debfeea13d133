// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `os`, as far as it is about processes. Names are those of Python and of C, so
/// write them qualified: after `using namespace pyproc::os` a plain `getpid()` is
/// ambiguous.
///
/// Constants such as WNOHANG, SIGTERM and RUSAGE_SELF are the C library's macros.

#include "pyproc/os/at_fork.hpp"
#include "pyproc/os/environment.hpp"
#include "pyproc/os/identity.hpp"
#include "pyproc/os/resources.hpp"
#include "pyproc/os/scheduling.hpp"
#include "pyproc/os/signals.hpp"
#include "pyproc/os/waiting.hpp"
#include "pyproc/os/working_directory.hpp"
