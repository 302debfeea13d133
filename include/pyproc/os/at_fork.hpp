// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "pyproc/posix/at_fork.hpp"

namespace pyproc::os {

using posix::register_at_fork;

}  // namespace pyproc::os
