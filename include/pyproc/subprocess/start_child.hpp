// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/prepare.hpp"
#include "pyproc/spawn/start.hpp"
#include "pyproc/spawn/streams.hpp"
#include "pyproc/subprocess/errors.hpp"

namespace pyproc::subprocess {

/// A child that runs its program, and the caller's ends of its pipes.
struct StartedChild {
    spawn::Started child;
    spawn::StandardFds ours;
};

/// @throws SubprocessError, OSError  that say why a child did not come to run `program`.
[[noreturn]] inline void throw_start_error(const spawn::Failure& failure,
                                           std::string_view program,
                                           const spawn::Options& options) {
    if (failure.at == spawn::Step::preexec) {
        throw SubprocessError{"Exception occurred in preexec_fn."};
    }
    std::string_view file;
    if (failure.at == spawn::Step::execute) file = program;
    if (failure.at == spawn::Step::enter_directory) file = options.cwd->string();
    throw_os_error(failure.code, spawn::describe(failure.at), file);
}

/// Starts a child, as `Popen` does. Returns once its program is running; until somebody
/// takes the child over it has no owner.
///
/// @throws ValueError, OSError, SubprocessError  as the constructor of `Popen` does.
[[nodiscard]] inline StartedChild start_child(const Args& args,
                                              const spawn::Options& options) {
    spawn::Streams streams = spawn::open_streams(options);
    const spawn::Prepared prepared{args, options, streams.sources, streams.pipes};
    auto started = spawn::start(prepared.plan());
    if (!started) throw_start_error(started.failure(), prepared.program(), options);
    return {std::move(*started), std::move(streams.ours)};
}

}  // namespace pyproc::subprocess
