// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "pyproc/posix/environment.hpp"
#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// The name in a `NAME=value` string; `nullopt` for a string without an `=`, which no
/// program can look up.
[[nodiscard]] inline std::optional<std::string_view> name_in(std::string_view entry) {
    const auto end = entry.find('=');
    if (end == std::string_view::npos) return std::nullopt;
    return entry.substr(0, end);
}

/// The value of the first variable called `name`.
///
/// Unlike getenv(3), which finds `A=B=c` when asked for `A=B`, this takes a name to end
/// at its first `=`; a variable without a name is found by the empty name.
///
/// Threads: not beside another that changes the environment. With glibc 2.41 and newer,
///          setenv in another thread is no danger.
[[nodiscard]] inline std::optional<std::string> variable(const std::string& name) {
    if (name.find_first_of(std::string_view{"=\0", 2}) != std::string::npos) {
        return std::nullopt;
    }
    if (name.empty()) {
        for (char** entry = environment(); *entry != nullptr; ++entry) {
            if (**entry == '=') return std::string{*entry + 1};
        }
        return std::nullopt;
    }
    const char* value = ::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return std::string{value};
}

/// Adds a variable or replaces its value. Both strings end at their first NUL.
///
/// @return EINVAL for a name that is empty or has an `=`, ENOMEM.
///
/// Threads: not beside another that reads or changes the environment.
/// Source:  setenv(3).
inline Result<void> set_variable(const std::string& name, const std::string& value) {
    if (::setenv(name.c_str(), value.c_str(), 1) != 0) return Error{errno};
    return {};
}

/// Removes a variable; there need not be one. The name ends at its first NUL.
///
/// @return EINVAL for a name that is empty or has an `=`.
///
/// Threads: not beside another that reads or changes the environment.
/// Source:  unsetenv(3).
inline Result<void> unset_variable(const std::string& name) {
    if (::unsetenv(name.c_str()) != 0) return Error{errno};
    return {};
}

}  // namespace pyproc::posix
