// SPDX-License-Identifier: BSL-1.0
#pragma once

// All that is included of Boost.Process, in the one place that knows how. The headers of
// its version 2 in Boost 1.81 use some of these without including them.
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/connect_pipe.hpp>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/writable_pipe.hpp>

// And most of them do only behind this one: `error.hpp`, which the others reach, needs
// `exit_code.hpp` before it. The paths are those of every Boost since 1.80, also of 1.88
// and later, where `boost/process.hpp` is version 2, too.
#include <boost/process/v2/process.hpp>

#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/posix/bind_fd.hpp>
#include <boost/process/v2/posix/default_launcher.hpp>
#include <boost/process/v2/process_handle.hpp>
#include <boost/process/v2/start_dir.hpp>
#include <boost/process/v2/stdio.hpp>
