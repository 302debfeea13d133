// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>

#include "pyproc/errors.hpp"
#include "pyproc/posix/path.hpp"

namespace pyproc::spawn {

/// The ways to connect a standard stream that need no more said.
enum class Special {
    inherit,  ///< the caller's own
    pipe,     ///< a pipe, whose other end the caller gets
    out,      ///< whatever the child's standard output goes to; for standard error
    null,     ///< /dev/null
};

inline constexpr Special INHERIT = Special::inherit;
inline constexpr Special PIPE = Special::pipe;
inline constexpr Special STDOUT = Special::out;
inline constexpr Special DEVNULL = Special::null;

/// Where a standard stream of a child comes from or goes to.
///
/// `INHERIT` (the default), `PIPE`, `STDOUT`, `DEVNULL`, a descriptor, a `FILE*`, or a
/// path, which is opened for reading, or created or emptied for writing. Descriptors and
/// `FILE*` stay the caller's; what a `FILE*` has buffered is not written first, as in
/// Python.
class Redirect {
public:
    enum class Kind { special, descriptor, path };

    constexpr Redirect(Special special) noexcept : special_{special} {}

    /// @throws ValueError  for a negative descriptor.
    template <std::same_as<int> Int>  // or `true` and 1.5 would be descriptor 1
    Redirect(Int fd) : kind_{Kind::descriptor}, fd_{fd} {
        if (fd < 0) throw ValueError{"a standard stream can't be a negative descriptor"};
    }

    /// @throws ValueError  for a null pointer, and for a stream with no descriptor.
    Redirect(std::FILE* file) : Redirect{descriptor_of(file)} {}

    Redirect(const char* path) : Redirect{posix::Path{path}} {}
    Redirect(const std::string& path) : Redirect{posix::Path{path}} {}
    Redirect(std::string_view path) : Redirect{posix::Path{path}} {}
    Redirect(const posix::HasNativePath auto& path) : Redirect{posix::Path{path}} {}
    Redirect(posix::Path path) : kind_{Kind::path}, path_{std::move(path)} {}

    [[nodiscard]] Kind kind() const noexcept { return kind_; }
    [[nodiscard]] bool is(Special special) const noexcept {
        return kind_ == Kind::special && special_ == special;
    }
    [[nodiscard]] int fd() const noexcept { return fd_; }
    [[nodiscard]] const posix::Path& path() const noexcept { return path_; }

private:
    [[nodiscard]] static int descriptor_of(std::FILE* file) {
        const int fd = file == nullptr ? -1 : ::fileno(file);
        if (fd < 0)
            throw ValueError{"a standard stream was given a FILE that is not open"};
        return fd;
    }

    Kind kind_ = Kind::special;
    Special special_ = Special::inherit;
    int fd_ = -1;
    posix::Path path_;
};

}  // namespace pyproc::spawn
