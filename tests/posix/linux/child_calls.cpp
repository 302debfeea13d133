// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/child_calls.hpp"

#include "support/child_calls.hpp"
