// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Python's `multiprocessing`: functions that run in processes of their own.

#include "pyproc/multiprocessing/archive.hpp"
#include "pyproc/multiprocessing/bootstrap.hpp"
#include "pyproc/multiprocessing/child_handle.hpp"
#include "pyproc/multiprocessing/codec.hpp"
#include "pyproc/multiprocessing/codec_containers.hpp"
#include "pyproc/multiprocessing/codec_values.hpp"
#include "pyproc/multiprocessing/context.hpp"
#include "pyproc/multiprocessing/exception_text.hpp"
#include "pyproc/multiprocessing/forkserver.hpp"
#include "pyproc/multiprocessing/member_table.hpp"
#include "pyproc/multiprocessing/members.hpp"
#include "pyproc/multiprocessing/parent_link.hpp"
#include "pyproc/multiprocessing/popen_fork.hpp"
#include "pyproc/multiprocessing/popen_forkserver.hpp"
#include "pyproc/multiprocessing/process.hpp"
#include "pyproc/multiprocessing/process_state.hpp"
#include "pyproc/multiprocessing/registry.hpp"
#include "pyproc/multiprocessing/serialize.hpp"
#include "pyproc/multiprocessing/server_link.hpp"
#include "pyproc/multiprocessing/streams.hpp"
#include "pyproc/multiprocessing/system_exit.hpp"
#include "pyproc/multiprocessing/target.hpp"
#include "pyproc/multiprocessing/travels.hpp"
