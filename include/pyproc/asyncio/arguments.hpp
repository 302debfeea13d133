// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/types.h>

#include "pyproc/posix/deadline.hpp"
#include "pyproc/posix/maybe.hpp"
#include "pyproc/posix/path.hpp"
#include "pyproc/spawn/args.hpp"
#include "pyproc/spawn/options.hpp"

namespace pyproc::asyncio {

using spawn::Arg;
using spawn::Args;
using spawn::Options;

/// A command as the functions here take it: all that `Args` is made from, and that.
///
/// Not `Args` itself, which takes a braced list by `std::initializer_list`: g++ up to 12
/// can't have one in an expression with `co_await` ("array used as initializer"). So here
/// the words are arguments of a constructor.
class Command {
public:
    /// A string, or a braced list of strings and paths.
    template <std::convertible_to<Arg>... Words>
    requires(sizeof...(Words) != 0) Command(Words&&... words) {
        if constexpr (sizeof...(Words) == 1) {
            // Round brackets, or it would be a list of one word, and no script.
            args_ = Args(std::move(Arg{std::forward<Words>(words)...}.string()));
        } else {
            std::vector<std::string> list;
            list.reserve(sizeof...(Words));
            (list.push_back(std::move(Arg{std::forward<Words>(words)}.string())), ...);
            args_ = Args{list};
        }
    }

    /// A range of words.
    template <spawn::ArgRange R>
    Command(const R& words) : args_{words} {}

    Command(Args args) noexcept : args_{std::move(args)} {}

    [[nodiscard]] const Args& args() const noexcept { return args_; }

private:
    Args args_;
};

namespace detail {

/// What a member of `Options` is to be made from, by reference; or nothing, which leaves
/// the member as it is. Trivially destructible, which is all its purpose.
///
/// @tparam Inner  What braces make, if that is not the member's own type.
template <class T, class Inner = T>
class Given {
public:
    constexpr Given() noexcept = default;

    template <class U>
    requires(!std::same_as<U, Given> &&
             std::convertible_to<const U&, T>) constexpr Given(const U& value) noexcept
        : from_{&value}, assign_{assign<U>} {}

    constexpr Given(const Inner& value) noexcept requires(!std::same_as<T, Inner>)
        : from_{&value}, assign_{assign<Inner>} {}

    void assign_to(T& member) const {
        if (assign_ != nullptr) assign_(member, from_);
    }

private:
    template <class U>
    static void assign(T& member, const void* from) {
        member = T(*static_cast<const U*>(from));
    }

    const void* from_ = nullptr;
    void (*assign_)(T& member, const void* from) = nullptr;
};

/// The same for a list.
template <class Element>
class GivenList {
public:
    constexpr GivenList() noexcept = default;
    constexpr GivenList(std::initializer_list<Element> list) noexcept
        : begin_{list.begin()}, size_{list.size()} {}
    constexpr GivenList(const std::vector<Element>& list) noexcept
        : begin_{list.data()}, size_{list.size()} {}

    void assign_to(std::vector<Element>& member) const {
        member.assign(begin_, begin_ + size_);
    }

private:
    const Element* begin_ = nullptr;
    std::size_t size_ = 0;
};

using Environment = std::map<std::string, std::string>;

}  // namespace detail

/// `Options` as they are written in braces in a call of `create_subprocess_exec`: the
/// same members, by reference to what is in the braces.
///
/// `Options` itself can't be, since g++ 12 destroys twice what is in a braced aggregate
/// in an expression with `co_await` (and takes no list in braces there, as for
/// `pass_fds`: "array used as initializer"). There is nothing to destroy in this one.
///
/// Not to be named: what is in it is gone at the end of the expression.
struct BracedOptions {
    bool capture_output = false;
    bool check = false;
    bool close_fds = true;
    detail::Given<posix::Maybe<posix::Path>> cwd = {};
    bool die_with_parent = false;
    detail::Given<posix::Maybe<std::string>> encoding = {};
    detail::Given<std::optional<detail::Environment>, detail::Environment> env = {};
    detail::Given<posix::Maybe<std::string>> errors = {};
    detail::Given<posix::Maybe<posix::Path>> executable = {};
    detail::Given<posix::Maybe<std::vector<spawn::Identity>>,
                  std::vector<spawn::Identity>>
        extra_groups = {};
    detail::Given<posix::Maybe<spawn::Identity>> group = {};
    detail::Given<posix::Maybe<std::string>> input = {};
    detail::GivenList<spawn::Limit> limits = {};
    detail::GivenList<int> pass_fds = {};
    int pipesize = -1;
    detail::Given<spawn::Preexec> preexec_fn = {};
    posix::Maybe<pid_t> process_group = {};
    bool restore_signals = true;
    bool shell = false;
    bool start_new_session = false;
    detail::Given<spawn::Redirect> std_err = {};
    detail::Given<spawn::Redirect> std_in = {};
    detail::Given<spawn::Redirect> std_out = {};
    bool text = false;
    posix::Timeout timeout = {};
    posix::Maybe<mode_t> umask = {};
    detail::Given<posix::Maybe<spawn::Identity>> user = {};

    /// The options that are meant.
    [[nodiscard]] Options options() const {
        Options made;
        made.capture_output = capture_output;
        made.check = check;
        made.close_fds = close_fds;
        cwd.assign_to(made.cwd);
        made.die_with_parent = die_with_parent;
        encoding.assign_to(made.encoding);
        env.assign_to(made.env);
        errors.assign_to(made.errors);
        executable.assign_to(made.executable);
        extra_groups.assign_to(made.extra_groups);
        group.assign_to(made.group);
        input.assign_to(made.input);
        limits.assign_to(made.limits);
        pass_fds.assign_to(made.pass_fds);
        made.pipesize = pipesize;
        preexec_fn.assign_to(made.preexec_fn);
        made.process_group = process_group;
        made.restore_signals = restore_signals;
        made.shell = shell;
        made.start_new_session = start_new_session;
        std_err.assign_to(made.std_err);
        std_in.assign_to(made.std_in);
        std_out.assign_to(made.std_out);
        made.text = text;
        made.timeout = timeout;
        made.umask = umask;
        user.assign_to(made.user);
        return made;
    }
};
static_assert(std::is_trivially_destructible_v<BracedOptions> &&
                  std::is_trivially_copyable_v<BracedOptions>,
              "or g++ 12 would destroy twice what is in it");

}  // namespace pyproc::asyncio
