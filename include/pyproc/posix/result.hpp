// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <string_view>
#include <type_traits>
#include <utility>

#include "pyproc/errors.hpp"

namespace pyproc::posix {

/// An errno on its way to a `Result`.
struct Error {
    int code;
};

/// What a system call gave: a value, or the errno that says why there is none.
///
/// The layers below the public functions return it, because a failure is ordinary there
/// and some of them must not throw. `or_throw` is the way up.
///
/// `T` must have a default value, which stands in for the one that is not there: a
/// `std::optional` would cost the compiler more than the rest of the header that uses it.
template <class T>
class [[nodiscard]] Result {
public:
    Result(T value) : value_{std::move(value)} {}
    Result(Error error) noexcept : code_{error.code} {}

    [[nodiscard]] explicit operator bool() const noexcept { return code_ == 0; }

    /// The errno; 0 if there is a value.
    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] Error error() const noexcept { return Error{code_}; }

    [[nodiscard]] T& operator*() & noexcept { return value_; }
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    [[nodiscard]] T operator*() && { return std::move(value_); }
    [[nodiscard]] T* operator->() noexcept { return &value_; }
    [[nodiscard]] const T* operator->() const noexcept { return &value_; }

    /// The value, or the `OSError` that names `call` and `filename`.
    T or_throw(std::string_view call, std::string_view filename = {}) && {
        if (code_ != 0) throw_os_error(code_, call, filename);
        return std::move(value_);
    }

private:
    T value_{};
    int code_ = 0;
};

/// The result of a call that has nothing to give but success.
template <>
class [[nodiscard]] Result<void> {
public:
    Result() noexcept = default;
    Result(Error error) noexcept : code_{error.code} {}

    [[nodiscard]] explicit operator bool() const noexcept { return code_ == 0; }
    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] Error error() const noexcept { return Error{code_}; }

    void or_throw(std::string_view call, std::string_view filename = {}) const {
        if (code_ != 0) throw_os_error(code_, call, filename);
    }

private:
    int code_ = 0;
};

}  // namespace pyproc::posix
