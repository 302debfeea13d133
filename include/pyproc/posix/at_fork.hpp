// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <unistd.h>

#include "pyproc/errors.hpp"

namespace pyproc::posix {

namespace detail {

/// What one call of `register_at_fork` has registered.
class ForkHooks {
public:
    ForkHooks() = default;
    ForkHooks(const ForkHooks&) = delete;
    ForkHooks& operator=(const ForkHooks&) = delete;
    virtual ~ForkHooks() = default;

    virtual void before() = 0;
    virtual void after_in_parent() = 0;
    virtual void after_in_child() = 0;

    ForkHooks* older = nullptr;
};

template <class Before, class AfterInParent, class AfterInChild>
class TheseForkHooks final : public ForkHooks {
public:
    TheseForkHooks(Before first, AfterInParent second, AfterInChild third)
        : before_{std::move(first)},
          after_in_parent_{std::move(second)},
          after_in_child_{std::move(third)} {}

    void before() override { call(before_); }
    void after_in_parent() override { call(after_in_parent_); }
    void after_in_child() override { call(after_in_child_); }

private:
    template <class Hook>
    static void call(Hook& hook) {
        if constexpr (!std::is_null_pointer_v<Hook>) hook();
    }

    Before before_;
    AfterInParent after_in_parent_;
    AfterInChild after_in_child_;
};

/// The latest, which leads to all that are older. None is ever removed, so the list may
/// be read while another thread adds to it, and in a forked child.
inline constinit ForkHooks* latest_fork_hooks = nullptr;

inline void call_fork_hook(ForkHooks& hooks, void (ForkHooks::*hook)()) noexcept {
    try {
        (hooks.*hook)();
    } catch (...) {
        constexpr char text[] = "Exception ignored in a function of register_at_fork\n";
        const ssize_t written = ::write(STDERR_FILENO, text, sizeof text - 1);
        static_cast<void>(written);
    }
}

inline void call_fork_hooks_from_oldest(ForkHooks* latest,
                                        void (ForkHooks::*hook)()) noexcept {
    if (latest == nullptr) return;
    call_fork_hooks_from_oldest(latest->older, hook);
    call_fork_hook(*latest, hook);
}

}  // namespace detail

/// Has functions called around each fork by which this library continues the program in a
/// child: `multiprocessing::Process::start`.
///
/// `before` functions are called in the reverse order of their registration, the others
/// in that order. What one of them throws is dropped, with a line on stderr. A fork calls
/// the after functions of those whose before functions it has called. There is no way to
/// take a registration back.
///
/// A server of the start method "forkserver" is forked like a child, with all these
/// calls, and makes them itself around each child that it forks: of what was registered
/// when it was forked itself. So a function that runs in a child must not start a thread.
///
/// They are not called where a child executes a program at once, as those of
/// `subprocess`, nor around a fork(2) of the program's own.
///
/// @param before           Called just before the fork; nullptr for nothing.
/// @param after_in_parent  Called in the parent, even if the fork has failed.
/// @param after_in_child   Called in the child.
/// @throws ValueError      All three are nullptr.
///
/// Threads: safe. Two threads that fork at once call the functions at once.
/// Python:  `os.register_at_fork`, whose arguments have names.
template <class Before = std::nullptr_t, class AfterInParent = std::nullptr_t,
          class AfterInChild = std::nullptr_t>
void register_at_fork(Before before, AfterInParent after_in_parent = nullptr,
                      AfterInChild after_in_child = nullptr) {
    constexpr bool is_any = !std::is_null_pointer_v<Before> ||
                            !std::is_null_pointer_v<AfterInParent> ||
                            !std::is_null_pointer_v<AfterInChild>;
    if (!is_any) throw ValueError{"At least one argument is required."};
    detail::ForkHooks* const added =
        new detail::TheseForkHooks<Before, AfterInParent, AfterInChild>(
            std::move(before), std::move(after_in_parent), std::move(after_in_child));
    // By the compiler's builtins: <atomic> takes it long to read.
    added->older = __atomic_load_n(&detail::latest_fork_hooks, __ATOMIC_ACQUIRE);
    while (!__atomic_compare_exchange_n(&detail::latest_fork_hooks, &added->older, added,
                                        true, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        continue;
    }
}

/// Makes the calls of `register_at_fork` around one fork: `before` when it is made, then
/// one of the other two, by whoever comes out of the fork.
class AroundFork {
public:
    AroundFork() noexcept
        : latest_{__atomic_load_n(&detail::latest_fork_hooks, __ATOMIC_ACQUIRE)} {
        for (auto* each = latest_; each != nullptr; each = each->older) {
            detail::call_fork_hook(*each, &detail::ForkHooks::before);
        }
    }
    AroundFork(const AroundFork&) = delete;
    AroundFork& operator=(const AroundFork&) = delete;

    void after_in_parent() const noexcept {
        detail::call_fork_hooks_from_oldest(latest_, &detail::ForkHooks::after_in_parent);
    }
    void after_in_child() const noexcept {
        detail::call_fork_hooks_from_oldest(latest_, &detail::ForkHooks::after_in_child);
    }

private:
    detail::ForkHooks* const latest_;
};

}  // namespace pyproc::posix
