// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/linux/descriptors.hpp"

#include "support/descriptor_calls.hpp"
