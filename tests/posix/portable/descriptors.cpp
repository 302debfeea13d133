// SPDX-License-Identifier: BSL-1.0
#include "pyproc/posix/portable/descriptors.hpp"

#include "support/descriptor_calls.hpp"
