// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "pyproc/concat.hpp"
#include "pyproc/errors.hpp"
#include "pyproc/posix/environment.hpp"
#include "pyproc/posix/plain_list.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/fd_moves.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/plan.hpp"

namespace pyproc::spawn {

/// From this number on it is quicker to fetch a descriptor, by three system calls, than
/// to copy a table in which all below it are open, at a tenth of a microsecond each.
inline constexpr int far_descriptor = 128;

/// A plan and the memory that it points into.
///
/// The last place where a start may fail by an exception: everything that needs memory, a
/// look-up or a check happens here, in the parent.
class Prepared {
public:
    /// @param args     The command; must outlive this object.
    /// @param options  Must outlive this object.
    /// @param sources  What `open_streams` opened for the child.
    /// @param pipes    Which of these are pipes.
    /// @throws ValueError  for an empty command, an embedded NUL, or an environment
    ///                     variable, a user or a group that can't be.
    Prepared(const Args& args, const Options& options, const Sources& sources,
             const PipeSources& pipes = {}) {
        set_command(args, options);
        set_environment(options);
        set_candidates();
        set_descriptors(options, sources);
        name_far_pipes(sources, pipes);
        if (options.cwd) {
            require_no_nul(options.cwd->string(), "cwd");
            plan_.directory = options.cwd->c_str();
        }
        if (options.umask) {
            plan_.changes_umask = true;
            plan_.umask = *options.umask;
        }
        if (options.process_group) {
            plan_.joins_group = true;
            plan_.group = *options.process_group;
        }
        set_identity(options);
        if (options.preexec_fn) {
            plan_.preexec = Preexec::call;
            plan_.preexec_argument = &options.preexec_fn;
        }
        plan_.dies_with_parent = options.die_with_parent;
        plan_.parent = options.die_with_parent ? ::getpid() : 0;
        plan_.limits = options.limits.data();
        plan_.limit_count = static_cast<int>(options.limits.size());
        plan_.restores_signals = options.restore_signals;
        plan_.starts_session = options.start_new_session;
    }
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;

    [[nodiscard]] const Plan& plan() const noexcept { return plan_; }

    /// The program as the caller named it, for messages.
    [[nodiscard]] const std::string& program() const noexcept { return *program_; }

private:
    static void require_no_nul(std::string_view text, const char* what) {
        if (text.find('\0') == std::string_view::npos) return;
        throw ValueError{concat({"embedded null byte in ", what})};
    }

    void set_command(const Args& args, const Options& options) {
        const bool is_blank = args.empty() || (args.is_string() && args[0].empty());
        if (is_blank && !(options.shell && args.is_string())) {
            throw ValueError{"the command is empty"};
        }
        argv_.make_room(args.size() + 3);
        if (options.shell) {
            static const std::string shell = "/bin/sh";
            program_ = options.executable ? &options.executable->string() : &shell;
            argv_.push_back(program_->c_str());
            argv_.push_back("-c");
        } else {
            program_ = options.executable ? &options.executable->string() : &args[0];
        }
        require_no_nul(*program_, "the program's name");
        for (const std::string& word : args) {
            require_no_nul(word, "the command");
            argv_.push_back(word.c_str());
        }
        argv_.push_back(nullptr);
        plan_.argv = argv_.data();
    }

    void set_environment(const Options& options) {
        if (!options.env) {
            plan_.envp = posix::environment();
            const char* const path = std::getenv("PATH");
            if (path != nullptr) search_path_ = path;
            return;
        }
        variables_.reserve(options.env->size());
        for (const auto& entry : *options.env) {
            const std::string& name = entry.first;
            const std::string& value = entry.second;
            require_no_nul(name, "an environment variable's name");
            require_no_nul(value, "an environment variable's value");
            if (name.find('=') != std::string::npos) {
                throw ValueError{"illegal environment variable name"};
            }
            if (name == "PATH") search_path_ = value;
            variables_.push_back(concat({name, "=", value}));
        }
        envp_.make_room(variables_.size() + 1);
        for (const std::string& variable : variables_) envp_.push_back(variable.c_str());
        envp_.push_back(nullptr);
        plan_.envp = envp_.data();
    }

    void set_candidates() {
        if (program_->find('/') != std::string::npos) {
            candidates_.make_room(2);
            candidates_.push_back(program_->c_str());
            candidates_.push_back(nullptr);
            plan_.candidates = candidates_.data();
            return;
        }
        std::string_view rest = search_path_;
        for (bool is_last = false; !is_last;) {
            const std::size_t end = rest.find(':');
            is_last = end == std::string_view::npos;
            std::string path{rest.substr(0, end)};
            // An empty entry means the current directory.
            if (!path.empty() && path.back() != '/') path += '/';
            candidate_paths_.push_back(std::move(path.append(*program_)));
            if (!is_last) rest.remove_prefix(end + 1);
        }
        candidates_.make_room(candidate_paths_.size() + 1);
        for (const std::string& path : candidate_paths_)
            candidates_.push_back(path.c_str());
        candidates_.push_back(nullptr);
        plan_.candidates = candidates_.data();
    }

    void set_identity(const Options& options) {
        if (options.extra_groups) {
            const long most = ::sysconf(_SC_NGROUPS_MAX);
            if (most > 0 &&
                options.extra_groups->size() > static_cast<unsigned long>(most)) {
                throw ValueError{"too many extra_groups"};
            }
            groups_.make_room(options.extra_groups->size());
            for (const Identity& group : *options.extra_groups) {
                groups_.push_back(group.as_group());
            }
            plan_.sets_groups = true;
            plan_.groups = groups_.data();
            plan_.group_count = static_cast<int>(groups_.size());
        }
        if (options.group) {
            plan_.changes_group = true;
            plan_.group_id = options.group->as_group();
        }
        if (options.user) {
            plan_.changes_user = true;
            plan_.user_id = options.user->as_user();
        }
    }

    void set_descriptors(const Options& options, Sources sources) {
        passed_.make_room(options.pass_fds.size());
        for (const int fd : options.pass_fds) {
            if (fd < standard_count) {
                // A redirection of the same stream wins; without one it stays as it is,
                // but even if it is close-on-exec here.
                int& source = sources.of[fd];
                if (source == no_source) source = fd;
            } else {
                add_passed(fd);
            }
        }
        plan_.passed = passed_.data();
        plan_.passed_count = static_cast<int>(passed_.size());
        plan_.moves = order_moves(sources);
        for (const int fd : passed_) extend(plan_.near_end, fd);
        plan_.table_end = plan_.near_end;
        for (const int fd : sources.of) {
            if (fd < far_descriptor) extend(plan_.near_end, fd);
            extend(plan_.table_end, fd);
        }
        // As in Python, where passing a descriptor implies closing the others.
        plan_.closes_descriptors = options.close_fds || !options.pass_fds.empty();
    }

    /// Keeps `passed_` ascending and without a number twice.
    void add_passed(int fd) {
        for (int& place : passed_) {
            if (place == fd) return;
            if (place > fd) std::swap(place, fd);
        }
        passed_.push_back(fd);
    }

    static void extend(int& end, int fd) noexcept {
        if (fd >= end) end = fd + 1;
    }

    void name_far_pipes(const Sources& sources, const PipeSources& pipes) {
        for (int i = 0; i < standard_count; ++i) {
            if (!pipes.of[i] || sources.of[i] < plan_.near_end) continue;
            // Asked for and not made of numbers: /proc may be that of another pid
            // namespace, and the thread's descriptors other than those of its process.
            char self[64];
            const ssize_t length = ::readlink("/proc/thread-self", self, sizeof self);
            if (length <= 0 || length == sizeof self) return;
            const std::string_view thread{self, static_cast<std::size_t>(length)};
            far_pipes_[i] =
                concat({"/proc/", thread, "/fd/", std::to_string(sources.of[i])});
            plan_.far_pipes[i] = far_pipes_[i].c_str();
        }
    }

    Plan plan_;
    const std::string* program_ = nullptr;

    /// Where to look for programs, as Python's `os.get_exec_path` has it: the PATH that
    /// the child will see.
    std::string_view search_path_ = "/bin:/usr/bin";

    posix::PlainList<const char*> argv_;
    posix::PlainList<const char*> envp_;
    std::vector<std::string> variables_;
    posix::PlainList<const char*> candidates_;
    std::vector<std::string> candidate_paths_;
    posix::PlainList<int> passed_;
    std::string far_pipes_[standard_count];
    posix::PlainList<gid_t> groups_;
};

}  // namespace pyproc::spawn
