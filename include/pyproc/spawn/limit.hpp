// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <type_traits>

#include <sys/resource.h>

namespace pyproc::spawn {

/// A limit on what a child may use, by the names of <sys/resource.h>: `{RLIMIT_CORE, 0}`,
/// `{RLIMIT_NOFILE, 256, 1024}`.
///
/// Source: setrlimit(2).
struct Limit {
    /// One value for both: the child can't raise it again.
    constexpr Limit(int the_resource, rlim_t both) noexcept
        : resource{the_resource}, value{both, both} {}

    /// @param soft  What holds now.
    /// @param hard  What the child may raise it to.
    constexpr Limit(int the_resource, rlim_t soft, rlim_t hard) noexcept
        : resource{the_resource}, value{soft, hard} {}

    int resource;
    rlimit value;
};
static_assert(std::is_trivially_copyable_v<Limit>, "read by the child as it is");

}  // namespace pyproc::spawn
