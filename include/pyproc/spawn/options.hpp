// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/path.hpp"
#include "pyproc/spawn/identity.hpp"
#include "pyproc/spawn/limit.hpp"
#include "pyproc/spawn/preexec.hpp"
#include "pyproc/spawn/redirect.hpp"

namespace pyproc::spawn {

/// How one child differs from its caller, and how it is waited for.
///
/// Every member has a default, and the defaults together mean: same directory, same
/// environment, same standard streams, no other descriptor passed on, no limit. Name only
/// what differs, in alphabetical order, as the members are declared here:
///
///     run({"git", "status"}, {.capture_output = true, .check = true, .cwd = repo})
///
/// Source: https://docs.python.org/3/library/subprocess.html#popen-constructor
struct Options {
    /// Whether standard output and standard error are both collected; the same as `PIPE`
    /// for the two, and a contradiction beside either.
    bool capture_output = false;

    /// Whether a child that fails is a `CalledProcessError`.
    bool check = false;

    /// Whether descriptors above 2 are closed in the child, `pass_fds` excepted. If not,
    /// those that are not close-on-exec are inherited.
    bool close_fds = true;

    /// Directory the child starts in; unset for the caller's. A program named by a
    /// relative path is looked up from this directory, as execve(2) does.
    posix::Maybe<posix::Path> cwd = {};

    /// Whether the child is killed as soon as this process ends, in whatever way, or
    /// executes another program. (Not when just the thread that started it ends.) A child
    /// outlives it that executes a program with ids or capabilities of its own, or whose
    /// effective ids are not its real ones, as in a set-user-ID caller. Linux only; else
    /// ENOSYS.
    ///
    /// A thread of the library's makes such children, and they inherit from it what the
    /// kernel keeps for each thread, as it was when the first of them was started: the
    /// processors it may run on, its niceness, capabilities, namespaces, and a sandbox
    /// (seccomp, no_new_privs). Change these before. EINVAL for a caller's thread with
    /// descriptors or a working directory of its own.
    bool die_with_parent = false;

    /// Encoding of what the child reads and writes; the caller's side is UTF-8. Any of
    /// Python's names: "latin-1", "cp1252", "utf-16". Turns `text` on. Unset: the bytes
    /// of a text stay as they are, unless `errors` is set, which makes it "utf-8".
    posix::Maybe<std::string> encoding = {};

    /// The child's whole environment; unset for the caller's, as it is when the child is
    /// started. A program with no slash in its name is looked for along the PATH in it.
    /// An empty one is written `std::map<std::string, std::string>{}`.
    std::optional<std::map<std::string, std::string>> env = std::nullopt;

    /// What becomes of text that can't be converted: "strict", the default, throws
    /// `UnicodeDecodeError` or `UnicodeEncodeError`; "replace" puts U+FFFD in its place
    /// when reading and `?` when writing; "ignore" leaves it out. Turns `text` on.
    posix::Maybe<std::string> errors = {};

    /// The file to execute in place of the one that the command names, which then is only
    /// what the program sees as its own name. With `shell`, the shell.
    posix::Maybe<posix::Path> executable = {};

    /// The child's supplementary groups; unset for the caller's. Takes a privileged
    /// caller.
    posix::Maybe<std::vector<Identity>> extra_groups = {};

    /// The group that the child becomes; unset for the caller's. Its supplementary groups
    /// stay as they are.
    posix::Maybe<Identity> group = {};

    /// What the child reads from its standard input; a contradiction beside `std_in`.
    posix::Maybe<std::string> input = {};

    /// What the child may use: `{{RLIMIT_CORE, 0}, {RLIMIT_NOFILE, 256, 1024}}`.
    std::vector<Limit> limits = {};

    /// Descriptors that stay open in the child, under the same numbers.
    std::vector<int> pass_fds = {};

    /// Bytes that each pipe to the child is to hold; -1 for what the system gives. A size
    /// that it refuses is an `OSError`. Where pipes have one size alone, it is passed
    /// over.
    int pipesize = -1;

    /// Called in the child just before its program is executed, when all else is done but
    /// the closing of descriptors. An exception that leaves it is a `SubprocessError` in
    /// the caller.
    ///
    /// Takes a whole fork(2), so the time it takes grows with the caller's memory, and in
    /// a caller with threads the function may call nothing but what signal-safety(7)
    /// names: another thread may have held any lock. Whatever another option does is
    /// better done by that.
    Preexec preexec_fn = {};

    /// Process group that the child joins; 0 for a new one that it leads.
    posix::Maybe<pid_t> process_group = {};

    /// Whether SIGPIPE and SIGXFSZ, if the caller ignores them, have their default action
    /// in the child. Other ignored signals stay ignored; no handler is inherited.
    bool restore_signals = true;

    /// Whether the command is a script for /bin/sh.
    bool shell = false;

    /// Whether the child leads a session of its own, out of reach of Ctrl-C.
    bool start_new_session = false;

    Redirect std_err = INHERIT;
    Redirect std_in = INHERIT;
    Redirect std_out = INHERIT;

    /// Whether `\r\n` and `\r` in what the child writes are read as `\n`. Nothing else is
    /// changed, or checked, unless `encoding` or `errors` is set too.
    bool text = false;

    /// How long to wait for the child before `TimeoutExpired`; without end by default.
    posix::Timeout timeout = {};

    /// The child's file creation mask; unset for the caller's.
    posix::Maybe<mode_t> umask = {};

    /// The user that the child becomes, after everything else; unset for the caller's.
    /// Name `group` and `extra_groups` too, or those of the caller stay.
    posix::Maybe<Identity> user = {};
};

}  // namespace pyproc::spawn
