// SPDX-License-Identifier: BSL-1.0
#pragma once

/// Durations and the steady clock.
///
/// A part of `<chrono>`, the rest of which, calendars and time zones, would be a fifth of
/// what including this library costs the compiler. The headers of locks that can be
/// waited for by the clock bring it: in libstdc++ since version 11 just this part.

#include <mutex>

#if !defined(__GLIBCXX__)
#include <chrono>
#endif
