// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cerrno>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "pyproc/concat.hpp"

namespace pyproc {

/// A system call failed.
///
/// `what()` names the call, the file if there is one, and the reason:
/// `chdir '/nowhere': No such file or directory`. `code()` holds the errno in
/// `std::system_category()`.
///
/// Python: `OSError`; as there, the errno picks one of the classes below.
class OSError : public std::system_error {
public:
    /// @param code      errno of the failed call.
    /// @param call      Name of the call, or what it was for.
    /// @param filename  The file it was about; empty when there is none.
    OSError(int code, std::string_view call, std::string_view filename = {})
        : std::system_error{code, std::system_category(), describe(call, filename)},
          filename_{filename} {}

    /// The file the call was about, as the caller named it; empty when there is none.
    [[nodiscard]] const std::string& filename() const noexcept { return filename_; }

private:
    [[nodiscard]] static std::string describe(std::string_view call,
                                              std::string_view filename) {
        if (filename.empty()) return std::string{call};
        return concat({call, " '", filename, "'"});
    }

    std::string filename_;
};

/// ENOENT: there is no such file or directory.
class FileNotFoundError : public OSError {
    using OSError::OSError;
};

/// EEXIST: what was to be made is there already.
class FileExistsError : public OSError {
    using OSError::OSError;
};

/// EACCES or EPERM: the caller may not do that.
class PermissionError : public OSError {
    using OSError::OSError;
};

/// ENOTDIR: what should be a directory is none.
class NotADirectoryError : public OSError {
    using OSError::OSError;
};

/// ESRCH: there is no such process.
class ProcessLookupError : public OSError {
    using OSError::OSError;
};

/// ECHILD: there is no such child to wait for.
class ChildProcessError : public OSError {
    using OSError::OSError;
};

/// EPIPE or ESHUTDOWN: nobody reads what is written.
class BrokenPipeError : public OSError {
    using OSError::OSError;
};

/// EAGAIN and its like: it would have to wait, or a limit is reached.
class BlockingIOError : public OSError {
    using OSError::OSError;
};

/// EINTR: a signal came first.
class InterruptedError : public OSError {
    using OSError::OSError;
};

/// A time limit passed. Python's is an `OSError` too, with ETIMEDOUT.
class TimeoutError : public OSError {
public:
    using OSError::OSError;
    explicit TimeoutError(std::string_view call) : OSError{ETIMEDOUT, call} {}
};

/// Throws the class of the family that stands for `code`, as Python chooses it.
///
/// Source: https://docs.python.org/3/library/exceptions.html#os-exceptions
[[noreturn]] inline void throw_os_error(int code, std::string_view call,
                                        std::string_view filename = {}) {
    switch (code) {
        case ENOENT: throw FileNotFoundError{code, call, filename};
        case EEXIST: throw FileExistsError{code, call, filename};
        case EACCES:
        case EPERM: throw PermissionError{code, call, filename};
        case ENOTDIR: throw NotADirectoryError{code, call, filename};
        case ESRCH: throw ProcessLookupError{code, call, filename};
        case ECHILD: throw ChildProcessError{code, call, filename};
        case ESHUTDOWN:
        case EPIPE: throw BrokenPipeError{code, call, filename};
        case EALREADY:
        case EINPROGRESS:
        case EAGAIN: throw BlockingIOError{code, call, filename};
        case EINTR: throw InterruptedError{code, call, filename};
        case ETIMEDOUT: throw TimeoutError{code, call, filename};
        default: throw OSError{code, call, filename};
    }
}

/// An argument has the right type and a value that can't be used.
class ValueError : public std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// Nothing more can be read: the other end is closed.
class EOFError : public std::runtime_error {
    using std::runtime_error::runtime_error;
};

namespace detail {

/// `5` for one alone, else `5-7`.
[[nodiscard]] inline std::string position(std::size_t start, std::size_t end,
                                          bool is_one) {
    std::string text = std::to_string(start);
    if (is_one) return text;
    return concat({text, "-", std::to_string(end == 0 ? 0 : end - 1)});
}

}  // namespace detail

/// Bytes are not text in the encoding that was asked for.
class UnicodeDecodeError : public ValueError {
public:
    /// @param encoding  Name of the encoding, as the caller gave it.
    /// @param object    The bytes that were to be decoded, or the part around the fault.
    /// @param start     Index in `object` of the first byte that does not fit.
    /// @param end       Index one past the last byte that does not fit.
    /// @param reason    Why, in the codec's words: "invalid start byte".
    UnicodeDecodeError(std::string encoding, std::string object, std::size_t start,
                       std::size_t end, std::string reason)
        : ValueError{describe(encoding, object, start, end, reason)},
          encoding_{std::move(encoding)},
          object_{std::move(object)},
          start_{start},
          end_{end},
          reason_{std::move(reason)} {}

    [[nodiscard]] const std::string& encoding() const noexcept { return encoding_; }
    [[nodiscard]] const std::string& object() const noexcept { return object_; }
    [[nodiscard]] std::size_t start() const noexcept { return start_; }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    // The wording is CPython's, so that a log reads the same from either language.
    [[nodiscard]] static std::string describe(const std::string& encoding,
                                              const std::string& object,
                                              std::size_t start, std::size_t end,
                                              const std::string& reason) {
        const bool is_one = end == start + 1 && start < object.size();
        std::string what = "byte 0x";
        if (is_one) {
            constexpr const char* digits = "0123456789abcdef";
            const auto byte = static_cast<unsigned char>(object[start]);
            what.append(1, digits[byte / 16]).append(1, digits[byte % 16]);
        } else {
            what = "bytes";
        }
        return concat({"'", encoding, "' codec can't decode ", what, " in position ",
                       detail::position(start, end, is_one), ": ", reason});
    }

    std::string encoding_;
    std::string object_;
    std::size_t start_;
    std::size_t end_;
    std::string reason_;
};

/// Text has characters that the encoding asked for has no bytes for.
class UnicodeEncodeError : public ValueError {
public:
    /// @param encoding   Name of the encoding, in Python's words.
    /// @param object     The text that was to be encoded, as UTF-8. Bytes that are not
    ///                   UTF-8 count as a character each, U+DC80 to U+DCFF, as Python's
    ///                   "surrogateescape" has it.
    /// @param character  The first that can't be encoded.
    /// @param start      Its index. Characters are counted, not bytes.
    /// @param end        Index one past the last of them.
    /// @param reason     Why, in the codec's words: "ordinal not in range(256)".
    UnicodeEncodeError(std::string encoding, std::string object, char32_t character,
                       std::size_t start, std::size_t end, std::string reason)
        : ValueError{describe(encoding, character, start, end, reason)},
          encoding_{std::move(encoding)},
          object_{std::move(object)},
          start_{start},
          end_{end},
          reason_{std::move(reason)} {}

    [[nodiscard]] const std::string& encoding() const noexcept { return encoding_; }
    [[nodiscard]] const std::string& object() const noexcept { return object_; }
    [[nodiscard]] std::size_t start() const noexcept { return start_; }
    [[nodiscard]] std::size_t end() const noexcept { return end_; }
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    [[nodiscard]] static std::string describe(const std::string& encoding,
                                              char32_t character, std::size_t start,
                                              std::size_t end,
                                              const std::string& reason) {
        const bool is_one = end == start + 1;
        std::string what = "s";
        if (is_one) {
            std::size_t digits = character <= 0xff ? 2 : character <= 0xffff ? 4 : 8;
            what = digits == 2 ? " '\\x" : digits == 4 ? " '\\u" : " '\\U";
            while (digits-- != 0) {
                what += "0123456789abcdef"[(character >> (4 * digits)) & 0xfU];
            }
            what += '\'';
        }
        return concat({"'", encoding, "' codec can't encode character", what,
                       " in position ", detail::position(start, end, is_one), ": ",
                       reason});
    }

    std::string encoding_;
    std::string object_;
    std::size_t start_;
    std::size_t end_;
    std::string reason_;
};

}  // namespace pyproc
