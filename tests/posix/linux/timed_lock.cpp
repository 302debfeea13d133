// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/timed_lock.hpp"

#include "support/timed_lock.hpp"
