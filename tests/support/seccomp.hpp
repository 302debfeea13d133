// SPDX-License-Identifier: BSL-1.0
// A sandbox that refuses system calls, to play an old kernel or a strict container.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
#include <thread>
#include <vector>

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

namespace test {

inline constexpr unsigned clone3_call = 435;
inline constexpr unsigned close_range_call = 436;
inline constexpr unsigned pidfd_open_call = 434;
inline constexpr unsigned pidfd_send_signal_call = 424;

namespace detail {

inline void install(std::vector<sock_filter> filter) {
    const sock_fprog program{static_cast<unsigned short>(filter.size()), filter.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) std::abort();
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) != 0) std::abort();
}

inline sock_filter load(std::size_t offset) {
    return {BPF_LD | BPF_W | BPF_ABS, 0, 0, static_cast<unsigned>(offset)};
}
inline sock_filter unless_equal_skip(unsigned value, unsigned char count) {
    return {BPF_JMP | BPF_JEQ | BPF_K, 0, count, value};
}
inline sock_filter answer(unsigned value) {
    return {BPF_RET | BPF_K, 0, 0, value};
}

}  // namespace detail

/// System calls that a sandbox answers with an errno.
struct Refusal {
    /// An argument, counted from 0, and the value (its low 32 bits) that it must have.
    struct Argument {
        unsigned index;
        unsigned value;
    };

    std::vector<unsigned> calls;
    int code;
    std::vector<Argument> arguments = {};  ///< all of which must match
};

/// From now on the calling thread and its children get the errno for these calls. For
/// good, so only in a forked child, or on a thread of its own.
inline void refuse(const Refusal& refusal) {
    const std::size_t checks = refusal.arguments.size();
    std::vector<sock_filter> filter;
    for (const unsigned call : refusal.calls) {
        // What does not match goes on with the next call of the list.
        filter.push_back(detail::load(offsetof(seccomp_data, nr)));
        filter.push_back(
            detail::unless_equal_skip(call, static_cast<unsigned char>(2 * checks + 1)));
        for (std::size_t i = 0; i < checks; ++i) {
            constexpr std::size_t size = sizeof seccomp_data::args[0];
            const auto [index, value] = refusal.arguments[i];
            filter.push_back(detail::load(offsetof(seccomp_data, args) + index * size));
            filter.push_back(detail::unless_equal_skip(
                value, static_cast<unsigned char>(2 * (checks - i) - 1)));
        }
        filter.push_back(detail::answer(SECCOMP_RET_ERRNO |
                                        (static_cast<unsigned>(refusal.code) & 0xffffU)));
    }
    filter.push_back(detail::answer(SECCOMP_RET_ALLOW));
    detail::install(filter);
}

/// The same, whatever the arguments of the calls.
inline void refuse(std::initializer_list<unsigned> calls, int code) {
    refuse(Refusal{calls, code});
}

/// Likewise for waitid by pidfd, which Linux has had only since 5.4.
inline void refuse_waiting_by_pidfd(int code) {
    constexpr unsigned by_pidfd = 3;
    refuse(Refusal{{SYS_waitid}, code, {{.index = 0, .value = by_pidfd}}});
}

/// Runs a body on a thread that alone is refused these calls, and with it the children
/// that it starts. So the rest of the program can look at what came of it.
template <class Body>
void in_sandbox(const std::vector<Refusal>& refusals, Body body) {
    std::thread thread{[&] {
        for (const Refusal& refusal : refusals) refuse(refusal);
        body();
    }};
    thread.join();
}

}  // namespace test
