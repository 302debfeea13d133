// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <iconv.h>

#include "pyproc/posix/result.hpp"

namespace pyproc::posix {

/// How far one call of `Iconv::convert` came.
struct Converted {
    std::size_t taken = 0;        ///< bytes of the input that have been converted
    std::size_t substituted = 0;  ///< characters that the output has something else for

    /// Why it stopped: 0 at the end of the input; EILSEQ at bytes that are not of the
    /// encoding, or a character that the other one lacks; EINVAL at a sequence that the
    /// end of the input cuts short, to be given again with what follows it.
    int code = 0;
};

/// Sole owner of one conversion from an encoding to another.
///
/// It has a state, such as the character set that an escape sequence has chosen, which
/// stays from call to call.
///
/// Source: iconv_open(3), iconv(3). In the C library on Linux; elsewhere it may take
///         `-liconv`.
class Iconv {
public:
    Iconv() noexcept = default;

    /// @return EINVAL for a pair of encodings that the C library can't convert.
    [[nodiscard]] static Result<Iconv> open(const char* to, const char* from) {
        const iconv_t handle = ::iconv_open(to, from);
        if (handle == none()) return Error{errno};
        return Iconv{handle};
    }

    Iconv(Iconv&& other) noexcept : handle_{std::exchange(other.handle_, none())} {}
    Iconv& operator=(Iconv&& other) noexcept {
        std::swap(handle_, other.handle_);
        return *this;
    }
    ~Iconv() {
        if (handle_ != none()) ::iconv_close(handle_);
    }

    [[nodiscard]] explicit operator bool() const noexcept { return handle_ != none(); }

    /// Converts as much of `input` as can be, and appends it to `output`.
    ///
    /// A character that the other encoding lacks is EILSEQ with glibc; musl and others
    /// put a byte of their own in its place and count it as `substituted`.
    Converted convert(std::string_view input, std::string& output) {
        // Not const in POSIX; no implementation writes to it.
        char* from = const_cast<char*>(input.data());
        Converted done;
        done.code = run(&from, input.size(), output, done.substituted);
        done.taken = static_cast<std::size_t>(from - input.data());
        return done;
    }

    /// Appends what brings the output to an end: a character held back, or the sequence
    /// that returns to the first character set. The next call starts anew.
    void finish(std::string& output) {
        std::size_t substituted = 0;
        run(nullptr, 0, output, substituted);
    }

    /// Goes back to the state at the start.
    void reset() noexcept { ::iconv(handle_, nullptr, nullptr, nullptr, nullptr); }

private:
    explicit Iconv(iconv_t handle) noexcept : handle_{handle} {}

    [[nodiscard]] static iconv_t none() noexcept {
        return reinterpret_cast<iconv_t>(-1);  // NOLINT(performance-no-int-to-ptr)
    }

    int run(char** from, std::size_t left, std::string& output,
            std::size_t& substituted) {
        for (;;) {
            char piece[4096];
            char* to = piece;
            std::size_t room = sizeof piece;
            const std::size_t result = ::iconv(handle_, from, &left, &to, &room);
            const int code = result == static_cast<std::size_t>(-1) ? errno : 0;
            output.append(piece, sizeof piece - room);
            if (code == 0) substituted += result;
            if (code != E2BIG) return code;
        }
    }

    iconv_t handle_ = none();
};

}  // namespace pyproc::posix
