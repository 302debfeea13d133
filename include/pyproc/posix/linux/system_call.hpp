// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <sys/syscall.h>

namespace pyproc::posix::platform {

#ifdef __clang__
// GCC's no_sanitize leaves nothing behind; Clang's still counts calls for TSan.
#pragma clang attribute push([[clang::disable_sanitizer_instrumentation]], \
                             apply_to = function)
#endif

/// A system call that touches nothing but the kernel: no errno, no lock, no symbol to
/// look up, no interceptor. So it may be made by a child that shares its parent's memory.
///
/// @return What the kernel returned: from -4095 to -1 it is minus an errno.
/// Source: syscall(2), "Architecture calling conventions".
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long system_call(
    long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) noexcept {
#if defined(__x86_64__)
    long result = number;
    register long r10 asm("r10") = d;
    register long r8 asm("r8") = e;
    asm volatile("syscall"
                 : "+a"(result)
                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                 : "rcx", "r11", "memory");
    return result;
#else
    register long x8 asm("x8") = number;
    register long x0 asm("x0") = a;
    register long x1 asm("x1") = b;
    register long x2 asm("x2") = c;
    register long x3 asm("x3") = d;
    register long x4 asm("x4") = e;
    asm volatile("svc #0"
                 : "+r"(x0)
                 : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4)
                 : "memory");
    return x0;
#endif
}

/// For the arguments of `system_call` that are addresses.
__attribute__((no_sanitize("address", "thread", "undefined"))) inline long address(
    const volatile void* pointer) noexcept {
    return static_cast<long>(reinterpret_cast<unsigned long>(pointer));
}

#ifdef __clang__
#pragma clang attribute pop
#endif

}  // namespace pyproc::posix::platform
