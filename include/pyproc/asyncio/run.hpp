// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <future>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/execution/executor.hpp>
#include <boost/asio/execution_context.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/is_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include "pyproc/asyncio/arguments.hpp"
#include "pyproc/asyncio/errors.hpp"
#include "pyproc/asyncio/process.hpp"

namespace pyproc::asyncio {

namespace detail {

template <class T>
concept Executor = asio::execution::is_executor<T>::value || asio::is_executor<T>::value;

template <class T>
concept Context = std::derived_from<T, asio::execution_context>;

/// What a child can belong to.
template <class T>
concept Owner = Executor<std::remove_cvref_t<T>> || Context<std::remove_cvref_t<T>>;

/// Whether a command is a program or a script.
enum class Kind { exec, shell };

/// @throws ValueError, OSError, SubprocessError  as `Process::start` does.
[[nodiscard]] inline Process start_now(Kind kind, const asio::any_io_executor& executor,
                                       const Args& args, Options& options) {
    if (kind == Kind::exec && options.shell) throw ValueError{"shell must be false"};
    if (kind == Kind::shell) {
        if (!args.is_string()) throw ValueError{"the script must be a string"};
        options.shell = true;
    }
    return Process::start(executor, args, options);
}

/// Starts a child and delivers it, or why there is none.
///
/// @tparam Token   Never deduced: for a token that has a name it is a reference, by which
///                 Asio knows that it is to be copied and not moved.
/// @tparam Choose  Gives the executor that the child is to belong to, from that of the
///                 handler.
template <class Token, class Choose>
auto start(Kind kind, Choose choose, Command command, Options options,
           std::remove_reference_t<Token>& token) {
    using Error = ErrorFor<Token>;
    return asio::async_initiate<Token, void(Error, Process)>(
        [kind, choose = std::move(choose)](auto handler, Command words, Options wishes) {
            const asio::any_io_executor executor =
                choose(asio::get_associated_executor(handler));
            Process process{executor};
            std::exception_ptr failed;
            try {
                process = start_now(kind, executor, words.args(), wishes);
            } catch (...) {
                failed = std::current_exception();
            }
            auto own = asio::get_associated_executor(handler, executor);
            asio::post(executor,
                       asio::bind_executor(own, [handler = std::move(handler), failed,
                                                 process = std::move(process)]() mutable {
                           std::move(handler)(to_error<Error>(std::move(failed)),
                                              std::move(process));
                       }));
        },
        token, std::move(command), std::move(options));
}

/// Chooses the executor of the one who waits.
inline constexpr auto of_handler = [](const auto& executor) {
    return asio::any_io_executor{executor};
};

/// Chooses this one.
template <class T>
[[nodiscard]] auto always(T& executor_or_context) {
    if constexpr (Context<std::remove_cvref_t<T>>) {
        return [executor = asio::any_io_executor{executor_or_context.get_executor()}](
                   const auto&) { return executor; };
    } else {
        return [executor = asio::any_io_executor{executor_or_context}](const auto&) {
            return executor;
        };
    }
}

}  // namespace detail

/// Starts a program.
///
///     Process p = co_await create_subprocess_exec({"ls", "-l"}, {.std_out = PIPE});
///
/// The start itself is done at once by the calling thread, as it takes about as long as
/// the kernel needs for it; what follows belongs to the executor of the coroutine that
/// waits, or of the completion handler.
///
/// @param args     The command: a string, a braced list of strings and paths, or a range.
/// @param options  How the child differs from its caller, in braces or an `Options` with
///                 a name; see `Options`. `shell`, `check` and `timeout` must not be set.
///                 (g++ 12 has no list in braces, as for `pass_fds`, in an expression
///                 with `co_await`: give the options a name.)
/// @param token    Any completion token with the signature `void(error_code, Process)`.
///                 For `use_awaitable` and `use_future`, which throw, it is
///                 `void(std::exception_ptr, Process)`, so that what they throw is what
///                 `Popen` throws: `FileNotFoundError` for a program that is missing.
///                 In an error code it is the errno; see `to_error_code`.
/// @throws boost::system::system_error  past the token, in a context that has polled
///                 nothing yet and has no descriptor left to begin with.
///
/// Python: `asyncio.create_subprocess_exec`.
template <class Token = asio::use_awaitable_t<>>
auto create_subprocess_exec(Command args, const BracedOptions& options = {},
                            Token&& token = {}) {
    return detail::start<Token>(detail::Kind::exec, detail::of_handler, std::move(args),
                                options.options(), token);
}
template <std::same_as<Options> Named, class Token = asio::use_awaitable_t<>>
auto create_subprocess_exec(Command args, const Named& options, Token&& token = {}) {
    return detail::start<Token>(detail::Kind::exec, detail::of_handler, std::move(args),
                                options, token);
}

/// The same for a child that belongs to this executor, or execution context.
template <detail::Owner Owner, class Token = asio::use_awaitable_t<>>
auto create_subprocess_exec(Owner&& owner, Command args,
                            const BracedOptions& options = {}, Token&& token = {}) {
    return detail::start<Token>(detail::Kind::exec, detail::always(owner),
                                std::move(args), options.options(), token);
}
template <detail::Owner Owner, std::same_as<Options> Named,
          class Token = asio::use_awaitable_t<>>
auto create_subprocess_exec(Owner&& owner, Command args, const Named& options,
                            Token&& token = {}) {
    return detail::start<Token>(detail::Kind::exec, detail::always(owner),
                                std::move(args), options, token);
}

/// Options without a name, outside of braces, are refused: g++ 12 would destroy twice
/// what is in them. Write them in braces alone, or give them a name.
template <std::same_as<Options> Named, class Token = asio::use_awaitable_t<>>
void create_subprocess_exec(Command args, Named&& options, Token&& token = {}) = delete;
template <detail::Owner Owner, std::same_as<Options> Named,
          class Token = asio::use_awaitable_t<>>
void create_subprocess_exec(Owner&& owner, Command args, Named&& options,
                            Token&& token = {}) = delete;

/// Starts a script in /bin/sh.
///
/// @param script  A string; a list of words is a `ValueError`.
/// The rest is as for `create_subprocess_exec`.
///
/// Python: `asyncio.create_subprocess_shell`.
template <class Token = asio::use_awaitable_t<>>
auto create_subprocess_shell(Command script, const BracedOptions& options = {},
                             Token&& token = {}) {
    return detail::start<Token>(detail::Kind::shell, detail::of_handler,
                                std::move(script), options.options(), token);
}
template <std::same_as<Options> Named, class Token = asio::use_awaitable_t<>>
auto create_subprocess_shell(Command script, const Named& options, Token&& token = {}) {
    return detail::start<Token>(detail::Kind::shell, detail::of_handler,
                                std::move(script), options, token);
}
template <detail::Owner Owner, class Token = asio::use_awaitable_t<>>
auto create_subprocess_shell(Owner&& owner, Command script,
                             const BracedOptions& options = {}, Token&& token = {}) {
    return detail::start<Token>(detail::Kind::shell, detail::always(owner),
                                std::move(script), options.options(), token);
}
template <detail::Owner Owner, std::same_as<Options> Named,
          class Token = asio::use_awaitable_t<>>
auto create_subprocess_shell(Owner&& owner, Command script, const Named& options,
                             Token&& token = {}) {
    return detail::start<Token>(detail::Kind::shell, detail::always(owner),
                                std::move(script), options, token);
}

/// As for `create_subprocess_exec`.
template <std::same_as<Options> Named, class Token = asio::use_awaitable_t<>>
void create_subprocess_shell(Command script, Named&& options,
                             Token&& token = {}) = delete;
template <detail::Owner Owner, std::same_as<Options> Named,
          class Token = asio::use_awaitable_t<>>
void create_subprocess_shell(Owner&& owner, Command script, Named&& options,
                             Token&& token = {}) = delete;

/// Runs a coroutine, and all that it starts, on an execution context of its own in the
/// calling thread until it has ended; then what is left of that is destroyed, children
/// included.
///
///     int main() { asyncio::run(get_date()); }
///
/// @return What the coroutine returns.
/// @throws what the coroutine throws; std::runtime_error if it is left waiting, because
///         it has stopped the context; boost::system::system_error if there is no
///         descriptor for the context: then nothing has begun.
///
/// Python: `asyncio.run`.
template <class T>
T run(asio::awaitable<T> coroutine) {
    asio::io_context context{1};
    // Makes the context open its descriptors now: it could not tell a coroutine that
    // there is none, and would throw past it.
    const Process none{context.get_executor()};
    auto result = asio::co_spawn(context, std::move(coroutine), asio::use_future);
    // Not until there is nothing left to do: Python cancels what the coroutine has left
    // behind.
    while (result.wait_for(std::chrono::seconds{0}) != std::future_status::ready &&
           context.run_one() != 0) {
    }
    if (result.wait_for(std::chrono::seconds{0}) != std::future_status::ready) {
        throw std::runtime_error{"the context was stopped before the coroutine ended"};
    }
    return result.get();
}

}  // namespace pyproc::asyncio
