// SPDX-License-Identifier: BSL-1.0
#pragma once

/// The one place that picks a platform. Both sides declare the same names in namespace
/// `pyproc::posix::platform`; what the portable side lacks it answers with ENOSYS, just
/// as an old kernel does, so that callers have one way to fall back and not two. The
/// Linux side makes system calls by itself, so it is for the processors whose way to make
/// them it knows.

#if defined(__linux__) && defined(__LP64__) &&       \
    (defined(__x86_64__) || defined(__aarch64__)) && \
    !(defined(PYPROC_PORTABLE) && PYPROC_PORTABLE)
#include "pyproc/posix/linux/affinity.hpp"
#include "pyproc/posix/linux/child_calls.hpp"
#include "pyproc/posix/linux/clone.hpp"
#include "pyproc/posix/linux/descriptors.hpp"
#include "pyproc/posix/linux/huge_pages.hpp"
#include "pyproc/posix/linux/lasting_thread.hpp"
#include "pyproc/posix/linux/packets.hpp"
#include "pyproc/posix/linux/pidfd.hpp"
#include "pyproc/posix/linux/sibling.hpp"
#else
#include "pyproc/posix/portable/affinity.hpp"
#include "pyproc/posix/portable/child_calls.hpp"
#include "pyproc/posix/portable/clone.hpp"
#include "pyproc/posix/portable/descriptors.hpp"
#include "pyproc/posix/portable/huge_pages.hpp"
#include "pyproc/posix/portable/lasting_thread.hpp"
#include "pyproc/posix/portable/packets.hpp"
#include "pyproc/posix/portable/pidfd.hpp"
#include "pyproc/posix/portable/sibling.hpp"
#endif
