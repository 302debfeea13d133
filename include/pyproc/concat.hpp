// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace pyproc {

/// All parts in one string. Each `+`, and each `append` of a literal, would have the
/// compiler try and make templates of its own.
[[nodiscard]] inline std::string concat(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) text.append(part);
    return text;
}

}  // namespace pyproc
