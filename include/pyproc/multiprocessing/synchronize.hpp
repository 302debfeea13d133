// SPDX-License-Identifier: BSL-1.0
#pragma once

/// What processes wait for each other by.
///
/// A process may be killed at any instant, and no other waits for ever because of it:
/// locks are handed on, half-done notifications are found out, barriers break.
///
/// Python: the module `multiprocessing.synchronize`.

#include "pyproc/multiprocessing/barrier.hpp"
#include "pyproc/multiprocessing/condition.hpp"
#include "pyproc/multiprocessing/event.hpp"
#include "pyproc/multiprocessing/lock.hpp"
#include "pyproc/multiprocessing/semaphore.hpp"
