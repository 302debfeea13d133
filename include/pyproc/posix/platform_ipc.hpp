// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Picks a platform, as `posix/platform.hpp` does, for what processes share: apart from
/// it, since starting a program needs none of this, and need not pay for reading it.

#if defined(__linux__) && defined(__LP64__) &&       \
    (defined(__x86_64__) || defined(__aarch64__)) && \
    !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
#include "pyproc/posix/linux/detached.hpp"
#include "pyproc/posix/linux/futex.hpp"
#include "pyproc/posix/linux/packets.hpp"
#include "pyproc/posix/linux/shared_memory.hpp"
#include "pyproc/posix/linux/shared_pages.hpp"
#include "pyproc/posix/linux/sibling.hpp"
#include "pyproc/posix/linux/timed_lock.hpp"
#else
#include "pyproc/posix/portable/detached.hpp"
#include "pyproc/posix/portable/futex.hpp"
#include "pyproc/posix/portable/packets.hpp"
#include "pyproc/posix/portable/shared_memory.hpp"
#include "pyproc/posix/portable/shared_pages.hpp"
#include "pyproc/posix/portable/sibling.hpp"
#include "pyproc/posix/portable/timed_lock.hpp"
#endif
