// SPDX-License-Identifier: BSL-1.0
#pragma once

namespace pyproc::posix {

/// Tells the processor that the caller spins: it saves power, and a sibling thread of the
/// same core gets on faster. Nothing where the processor has no word for it.
inline void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    asm volatile("yield");
#endif
}

/// What the caller has written before this, others see before it reads what comes after.
///
/// Not std::atomic_thread_fence, of which g++ warns under ThreadSanitizer.
inline void full_fence() noexcept {
    __sync_synchronize();
}

}  // namespace pyproc::posix
