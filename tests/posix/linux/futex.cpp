// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/futex.hpp"

#include "support/futex.hpp"
