// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/posix/environment.hpp"
#include "pyproc/posix/variables.hpp"

namespace pyproc::os {

namespace detail {

inline void refuse_nul(const std::string& text, const char* call) {
    if (text.find('\0') == std::string::npos) return;
    throw ValueError{std::string{call} + ": embedded null byte"};
}

}  // namespace detail

/// A copy of the environment as it is now. Changing it changes nothing: that is `setenv`.
///
/// Where a name occurs twice the first counts, as in `getenv`. Strings without an `=` are
/// left out.
///
/// Threads: not beside another that changes the environment.
/// Python:  `os.environ`, which Python reads once, when it starts. Write `os::environ()`:
///          the C library has a global variable of the same name.
/// Source:  environ(7).
[[nodiscard]] inline std::map<std::string, std::string> environ() {
    std::map<std::string, std::string> variables;
    for (char** entry = posix::environment(); *entry != nullptr; ++entry) {
        const auto name = posix::name_in(*entry);
        if (name) variables.emplace(*name, *entry + name->size() + 1);
    }
    return variables;
}

/// The value of an environment variable.
///
/// @param key  Any text. No variable has a name with `=` or NUL in it, so there the
///             answer is `nullopt` and not an error.
/// @return `nullopt` if there is no such variable; one with an empty value is there.
///
/// Threads: not beside another that changes the environment.
/// Python:  `os.getenv(key)`, where `nullopt` is None.
/// Source:  getenv(3).
[[nodiscard]] inline std::optional<std::string> getenv(const std::string& key) {
    return posix::variable(key);
}

/// The value of an environment variable, or `fallback` if there is none.
///
/// Python: `os.getenv(key, default)`.
[[nodiscard]] inline std::string getenv(const std::string& key, std::string fallback) {
    auto value = posix::variable(key);
    return value ? *std::move(value) : std::move(fallback);
}

/// Sets an environment variable, for this process and the children it starts from now on.
///
/// @throws ValueError  `key` has an `=` in it, or either has a NUL.
/// @throws OSError     EINVAL: `key` is empty. ENOMEM.
///
/// Threads: not beside another that reads or changes the environment.
/// Python:  `os.environ[key] = value`, `os.putenv(key, value)`.
/// Source:  setenv(3).
inline void setenv(const std::string& key, const std::string& value) {
    detail::refuse_nul(key, "setenv");
    detail::refuse_nul(value, "setenv");
    if (key.find('=') != std::string::npos) {
        throw ValueError{"setenv: illegal environment variable name '" + key + "'"};
    }
    posix::set_variable(key, value).or_throw("setenv");
}

/// Removes an environment variable; that there is none is not an error.
///
/// @throws ValueError  `key` has a NUL in it.
/// @throws OSError     EINVAL: `key` is empty or has an `=` in it.
///
/// Threads: not beside another that reads or changes the environment.
/// Python:  `os.unsetenv(key)`.
/// Source:  unsetenv(3).
inline void unsetenv(const std::string& key) {
    detail::refuse_nul(key, "unsetenv");
    posix::unset_variable(key).or_throw("unsetenv");
}

}  // namespace pyproc::os
