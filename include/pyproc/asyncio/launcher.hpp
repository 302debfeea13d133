// SPDX-License-Identifier: BSL-1.0
#pragma once

#include "pyproc/asyncio/boost.hpp"

#include <algorithm>
#include <cerrno>
#include <concepts>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/is_executor.hpp>

#include "pyproc/asyncio/errors.hpp"
#include "pyproc/posix/environment.hpp"
#include "pyproc/posix/fd.hpp"
#include "pyproc/posix/io.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"
#include "pyproc/spawn/prepare.hpp"
#include "pyproc/spawn/start.hpp"
#include "pyproc/spawn/streams.hpp"

namespace pyproc::asyncio {

namespace process_v2 = boost::process::v2;

namespace detail {

using process_v2::filesystem::path;

/// The words of a command, as execve(2) takes them.
using CommandLine = const char* const*;

/// What an initialiser's function says: nothing is success.
template <class Call>
[[nodiscard]] error_code result_of(Call call) {
    if constexpr (std::is_void_v<decltype(call())>) {
        call();
        return {};
    } else {
        return call();
    }
}

template <class Init>
inline constexpr bool is_stdio =
    std::is_same_v<std::remove_cvref_t<Init>, process_v2::process_stdio>;
template <class Init>
inline constexpr bool is_start_dir =
    std::is_same_v<std::remove_cvref_t<Init>, process_v2::process_start_dir>;
template <class Init>
inline constexpr bool is_bind_fd =
    std::is_same_v<std::remove_cvref_t<Init>, process_v2::posix::bind_fd>;

template <class Init>
inline constexpr bool is_environment =
    std::is_same_v<std::remove_cvref_t<Init>, process_v2::process_environment>;

template <class Launcher, class Init>
[[nodiscard]] error_code on_setup(Launcher& launcher, const path& exe, CommandLine& words,
                                  Init& init) {
    if constexpr (is_bind_fd<Init>) {
        // Its own ends without a return in Boost 1.81.
        launcher.fd_whitelist.push_back(init.target);
        return {};
    } else if constexpr (is_environment<Init>) {
        // Nor is its own defined there.
        launcher.env = init.env.data();
        return {};
    } else if constexpr (requires { init.on_setup(launcher, exe, words); }) {
        return result_of([&] { return init.on_setup(launcher, exe, words); });
    } else {
        return {};
    }
}

template <class Launcher, class Init>
void on_success(Launcher& launcher, const path& exe, CommandLine& words, Init& init) {
    if constexpr (requires { init.on_success(launcher, exe, words); }) {
        init.on_success(launcher, exe, words);
    }
}

template <class Launcher, class Init>
void on_error(Launcher& launcher, const path& exe, CommandLine& words,
              const error_code& code, bool is_of_fork, Init& init) {
    if constexpr (requires { init.on_fork_error(launcher, exe, words, code); }) {
        if (is_of_fork) init.on_fork_error(launcher, exe, words, code);
    }
    if constexpr (requires { init.on_error(launcher, exe, words, code); }) {
        init.on_error(launcher, exe, words, code);
    }
}

/// Whether an initialiser has something to do in the child that the engine does not know.
template <class Launcher, class Init>
[[nodiscard]] bool runs_in_child(Launcher& launcher, const path& exe, CommandLine& words,
                                 Init& init) {
    if constexpr (is_stdio<Init> || is_start_dir<Init>) {
        return false;
    } else if constexpr (is_bind_fd<Init>) {
        return init.fd != init.target;
    } else {
        return requires {
            init.on_exec_setup(launcher, exe, words);
        };
    }
}

template <class Launcher, class Init>
[[nodiscard]] error_code on_exec_setup(Launcher& launcher, const path& exe,
                                       CommandLine& words, Init& init) {
    if constexpr (is_stdio<Init> || is_start_dir<Init>) {
        return {};
    } else if constexpr (requires { init.on_exec_setup(launcher, exe, words); }) {
        return result_of([&] { return init.on_exec_setup(launcher, exe, words); });
    } else {
        return {};
    }
}

/// Puts what the engine knows of an initialiser into the options.
template <class Init>
void translate(spawn::Options& options, const Init& init) {
    if constexpr (is_stdio<Init>) {
        for (const error_code& code : {init.in.ec, init.out.ec, init.err.ec}) {
            if (code) throw_os_error(code.value(), "cannot make a pipe for the child");
        }
        // A file that could not be opened has no number, and no reason any more.
        if (init.in.fd < 0 || init.out.fd < 0 || init.err.fd < 0) {
            throw_os_error(EBADF, "cannot open a standard stream of the child");
        }
        options.std_in = init.in.fd;
        options.std_out = init.out.fd;
        options.std_err = init.err.fd;
    } else if constexpr (is_start_dir<Init>) {
        options.cwd = posix::Path{init.start_dir.native()};
    }
}

/// Closes the child's ends of pipes, which the caller would else keep open for as long as
/// it keeps the initialiser, and so never read the end.
template <class Init>
void close_child_ends(Init& init) {
    if constexpr (is_stdio<Init> && !std::is_const_v<Init>) {
        const auto close = [](auto& binding) {
            struct stat status {};
            const bool is_pipe = binding.fd_needs_closing &&
                                 ::fstat(binding.fd, &status) == 0 &&
                                 S_ISFIFO(status.st_mode);
            if (!is_pipe) return;
            ::close(binding.fd);
            binding.fd = -1;
            binding.fd_needs_closing = false;
        };
        close(init.in);
        close(init.out);
        close(init.err);
    }
}

}  // namespace detail

/// Starts processes of Boost.Process v2 by this library's engine.
///
///     boost::process::v2::process child{launcher{}(context, "/bin/ls", {"-l"},
///                                                  process_stdio{{}, pipe, {}})};
///
/// What that is worth: a child gets the descriptors 0, 1, 2 and those that an initialiser
/// has put on `fd_whitelist`, and no other; a program that is missing is an error that
/// leaves no zombie and runs no `atexit` of the parent's; the parent's memory and
/// descriptors are not copied; the `process` has the pidfd that the start gave.
///
/// Initialisers are those of Boost.Process. `process_stdio`, `process_start_dir`,
/// `process_environment`, and all with `on_setup`, `on_success`, `on_error` and
/// `on_fork_error` alone take the fast way. One with `on_exec_setup`, which is run in the
/// child, takes a whole fork(2); it runs when streams and directory are set. There is no
/// `on_exec_error`: a child that can't execute its program runs nothing of the caller's.
///
/// What an initialiser throws in this process is thrown on as it is; a child that has
/// started by then is killed and reaped.
///
/// Once the child has started, the child's ends of pipes in a `process_stdio` are closed,
/// so that the caller reads the end of a pipe though it keeps that initialiser.
///
/// One launcher may start any number of processes; what initialisers tell it is forgotten
/// after each.
///
/// Threads: one at a time for each object.
/// Source:  Boost.Process v2, `posix::default_launcher`, from which initialisers expect
///          it to be derived.
struct launcher : process_v2::posix::default_launcher {
    launcher() = default;

    /// @return The process, for the executor of the context.
    /// @throws boost::system::system_error  with the errno, if it could not be started.
    template <class Context, class Words, class... Inits>
    requires std::derived_from<Context, asio::execution_context>
    auto operator()(Context& context, const detail::path& executable, Words&& words,
                    Inits&&... inits) {
        return (*this)(context.get_executor(), executable, std::forward<Words>(words),
                       std::forward<Inits>(inits)...);
    }
    template <class Context, class... Inits>
    requires std::derived_from<Context, asio::execution_context>
    auto operator()(Context& context, const detail::path& executable,
                    std::initializer_list<process_v2::string_view> words,
                    Inits&&... inits) {
        return (*this)(context.get_executor(), executable, words,
                       std::forward<Inits>(inits)...);
    }
    template <class Context, class Words, class... Inits>
    requires std::derived_from<Context, asio::execution_context>
    auto operator()(Context& context, error_code& code, const detail::path& executable,
                    Words&& words, Inits&&... inits) {
        return (*this)(context.get_executor(), code, executable,
                       std::forward<Words>(words), std::forward<Inits>(inits)...);
    }

    /// The same for an executor.
    template <class Executor, class Words, class... Inits>
    requires(asio::execution::is_executor<Executor>::value ||
             asio::is_executor<Executor>::value) auto
    operator()(Executor executor, const detail::path& executable, Words&& words,
               Inits&&... inits) -> process_v2::basic_process<Executor> {
        error_code code;
        auto process = (*this)(std::move(executor), code, executable,
                               std::forward<Words>(words), std::forward<Inits>(inits)...);
        if (code) throw boost::system::system_error{code, "pyproc::asyncio::launcher"};
        return process;
    }

    /// The same for errors as values; the process stands for none then.
    template <class Executor, class Words, class... Inits>
    requires(asio::execution::is_executor<Executor>::value ||
             asio::is_executor<Executor>::value) auto
    operator()(Executor executor, error_code& code, const detail::path& executable,
               Words&& words, Inits&&... inits) -> process_v2::basic_process<Executor> {
        code.clear();
        const Restored restored{*this};
        detail::CommandLine line = build_argv_(executable, std::as_const(words));
        const bool is_set_up =
            (!(code = detail::on_setup(*this, executable, line, inits)) && ...);
        process_v2::basic_process<Executor> process{executor};
        bool has_started = false;
        [[maybe_unused]] bool is_of_fork = false;
        if (is_set_up) {
            try {
                auto started = start(executable, line, inits...);
                if (started) process = make_process(executor, *started);
                has_started = bool{started};
                if (!started) {
                    is_of_fork = started.failure().at == spawn::Step::make_child;
                    code.assign(started.failure().code, boost::system::system_category());
                }
            } catch (...) {
                code = to_error_code(std::current_exception());
            }
        }
        // What an initialiser throws is its caller's to see, as it was thrown.
        if (has_started) {
            (detail::close_child_ends(inits), ...);
            (detail::on_success(*this, executable, line, inits), ...);
        } else {
            (detail::on_error(*this, executable, line, code, is_of_fork, inits), ...);
        }
        return process;
    }

private:
    /// Keeps what initialisers say of one process from the next: where Boost.Process
    /// keeps the words, the environment and the descriptors it only ever adds to them.
    class Restored {
    public:
        explicit Restored(launcher& of) : of_{of} {
            of.argv_.clear();
            of.argv_buffer_.clear();
            // Since then it may have moved.
            if (of.env == of.environment_)
                of.env = of.environment_ = posix::environment();
            env_ = of.env;
            whitelist_ = of.fd_whitelist;
        }
        ~Restored() {
            of_.env = env_;
            of_.fd_whitelist.swap(whitelist_);
        }
        Restored(const Restored&) = delete;
        Restored& operator=(const Restored&) = delete;

    private:
        launcher& of_;
        detail::CommandLine env_;
        std::vector<int> whitelist_;
    };

    template <class... Inits>
    [[nodiscard]] spawn::StartResult start(const detail::path& executable,
                                           detail::CommandLine& line, Inits&... inits) {
        spawn::Options options;
        (detail::translate(options, inits), ...);
        const bool must_fork =
            (detail::runs_in_child(*this, executable, line, inits) || ...);
        std::vector<int> kept;
        for (const int fd : fd_whitelist) {
            if (fd > STDERR_FILENO) kept.push_back(fd);
        }
        std::sort(kept.begin(), kept.end());
        kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
        // A number that is not open can't be kept; the child may yet open it.
        if (!must_fork) {
            std::erase_if(kept, [](int fd) { return ::fcntl(fd, F_GETFD) < 0; });
            options.pass_fds = kept;
        }
        const spawn::Args words{executable.native()};
        spawn::Streams streams = spawn::open_streams(options);
        const spawn::Prepared prepared{words, options, streams.sources, streams.pipes};
        spawn::Plan plan = prepared.plan();
        // As they are: Boost.Process looks for no program along PATH.
        const char* const candidates[] = {executable.c_str(), nullptr};
        plan.candidates = candidates;
        plan.argv = line;
        plan.envp = env;
        if (!must_fork) return spawn::start(plan);

        plan.passed = kept.data();
        plan.passed_count = static_cast<int>(kept.size());
        plan.passes_by_preexec = true;
        const auto in_child = [&]() noexcept -> bool {
            try {
                error_code code;
                const bool is_done =
                    (!(code = detail::on_exec_setup(*this, executable, line, inits)) &&
                     ...);
                // What is not open is passed over, as Boost.Process does it.
                for (const int fd : kept) ::fcntl(fd, F_SETFD, 0);
                errno = code.value();
                return is_done;
            } catch (...) {
                errno = ECANCELED;
                return false;
            }
        };
        plan.preexec = [](const void* run) noexcept {
            return (*static_cast<const decltype(in_child)*>(run))();
        };
        plan.preexec_argument = &in_child;
        return spawn::start(plan);
    }

    template <class Executor>
    [[nodiscard]] process_v2::basic_process<Executor> make_process(
        const Executor& executor, spawn::Started& started) {
        using Made = process_v2::basic_process<Executor>;
        pid = started.pid;
        try {
            if (!started.pidfd) return Made{executor, started.pid};
            Made process{executor, started.pid, started.pidfd.get()};
            static_cast<void>(started.pidfd.release());
            return process;
        } catch (...) {
            // Nobody has it yet.
            ::kill(started.pid, SIGKILL);
            spawn::reap_failed(started.pid);
            throw;
        }
    }

    detail::CommandLine environment_ = env;  ///< what `env` is if nobody has changed it
};

}  // namespace pyproc::asyncio
