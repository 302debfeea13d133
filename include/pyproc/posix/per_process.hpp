// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include "pyproc/posix/fork_mark.hpp"

namespace pyproc::posix {

/// The calling process's own `T`, made when it is first asked for and never destroyed.
///
/// A process made by fork(2) gets one of its own: what its parent's holds, threads and
/// locks that other threads had taken, is worth nothing in it. Never destroyed, because
/// threads may be using it until the process has ended.
///
/// Threads: any number at once.
/// @throws what the constructor of `T` does.
template <class T>
[[nodiscard]] T& of_this_process() {
    struct Entry {
        T value{};
        pid_t process = ::getpid();
        ForkMark mark{};
        Entry* former = nullptr;  ///< so that it is not taken for lost memory
    };
    // By the compiler's builtins: <atomic> takes it long to read.
    static Entry* current = nullptr;
    Entry* known = __atomic_load_n(&current, __ATOMIC_ACQUIRE);
    const bool is_ours =
        known != nullptr && known->process == ::getpid() && !known->mark.is_forked();
    if (is_ours) return known->value;

    auto* const made = new Entry;
    made->former = known;
    if (__atomic_compare_exchange_n(&current, &known, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE)) {
        return made->value;
    }
    // Another thread of this process came first; nobody else can have.
    delete made;
    return known->value;
}

}  // namespace pyproc::posix
