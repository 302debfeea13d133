// SPDX-License-Identifier: BSL-1.0
// A sandbox that refuses system calls, to play an old kernel or a strict container.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <initializer_list>
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

/// From now on this process and its children get `code` for these calls. For good, so
/// only in a forked child.
inline void refuse(std::initializer_list<unsigned> calls, int code) {
    std::vector<sock_filter> filter{detail::load(offsetof(seccomp_data, nr))};
    for (const unsigned call : calls) {
        filter.push_back(detail::unless_equal_skip(call, 1));
        filter.push_back(
            detail::answer(SECCOMP_RET_ERRNO | (static_cast<unsigned>(code) & 0xffffU)));
    }
    filter.push_back(detail::answer(SECCOMP_RET_ALLOW));
    detail::install(filter);
}

/// Likewise for waitid by pidfd, which Linux has had only since 5.4.
inline void refuse_waiting_by_pidfd(int code) {
    constexpr unsigned by_pidfd = 3;
    detail::install(
        {detail::load(offsetof(seccomp_data, nr)),
         detail::unless_equal_skip(SYS_waitid, 3),
         detail::load(offsetof(seccomp_data, args[0])),
         detail::unless_equal_skip(by_pidfd, 1),
         detail::answer(SECCOMP_RET_ERRNO | (static_cast<unsigned>(code) & 0xffffU)),
         detail::answer(SECCOMP_RET_ALLOW)});
}

}  // namespace test
