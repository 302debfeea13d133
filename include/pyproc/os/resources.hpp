// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>

#include <sys/resource.h>

#include "pyproc/errors.hpp"
#include "pyproc/posix/rusage.hpp"

namespace pyproc::os {

using posix::Rusage;

/// What this process or its children have used up.
///
/// @param who  RUSAGE_SELF, all threads of this process; RUSAGE_CHILDREN, the descendants
///             that have ended and been waited for; RUSAGE_THREAD where there is one.
/// @throws ValueError  `who` is none of these.
///
/// Python: `resource.getrusage(who)`. Source: getrusage(2).
[[nodiscard]] inline Rusage getrusage(int who) {
    ::rusage usage{};
    // glibc declares `who` as an enumeration in C and as an int in C++.
    if (::getrusage(who, &usage) == 0) return posix::to_rusage(usage);
    if (errno == EINVAL) throw ValueError{"getrusage: invalid who parameter"};
    throw_os_error(errno, "getrusage");
}

}  // namespace pyproc::os
