// SPDX-License-Identifier: BSL-1.0
#pragma once

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#include <sanitizer/tsan_interface.h>
#endif
#endif

namespace pyproc::posix {

/// Tells ThreadSanitizer that the calling thread has locked `mutex`, where the call that
/// did so is not one that it follows by itself. Without it, this is nothing.
///
/// Source: sanitizer/tsan_interface.h.
inline void tell_sanitizer_of_lock([[maybe_unused]] void* mutex) noexcept {
#if defined(SANITIZER_TSAN_INTERFACE_H)  // included above
    ::__tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
    ::__tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock, 0);
#endif
}

}  // namespace pyproc::posix
