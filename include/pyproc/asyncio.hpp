// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "pyproc/asyncio/arguments.hpp"
#include "pyproc/asyncio/boost.hpp"
#include "pyproc/asyncio/child.hpp"
#include "pyproc/asyncio/communicate.hpp"
#include "pyproc/asyncio/errors.hpp"
#include "pyproc/asyncio/handover.hpp"
#include "pyproc/asyncio/launcher.hpp"
#include "pyproc/asyncio/process.hpp"
#include "pyproc/asyncio/run.hpp"
#include "pyproc/asyncio/stream.hpp"
#include "pyproc/asyncio/wait.hpp"
