// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/futex.hpp"

#include "support/futex.hpp"
