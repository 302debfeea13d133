// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

namespace pyproc::posix {

/// A type that carries a path the way `std::filesystem::path` does.
template <class T>
concept HasNativePath = requires(const T& path) {
    { path.native() } -> std::convertible_to<std::string_view>;
};

/// A file's name, made from a string or from anything with a `native()` string.
///
/// `std::filesystem::path` is thereby accepted without `<filesystem>`, which alone would
/// double what including this library costs the compiler.
class Path {
public:
    Path() = default;
    Path(const char* text) : text_{text} {}
    Path(std::string text) noexcept : text_{std::move(text)} {}
    Path(std::string_view text) : text_{text} {}
    Path(const HasNativePath auto& path) : text_{std::string_view{path.native()}} {}

    [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
    [[nodiscard]] const std::string& string() const noexcept { return text_; }
    [[nodiscard]] const char* c_str() const noexcept { return text_.c_str(); }

private:
    std::string text_;
};

}  // namespace pyproc::posix
