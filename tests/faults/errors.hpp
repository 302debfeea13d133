// SPDX-License-Identifier: BSL-1.0
// An exception as a text: what came, and what should have come.
#pragma once

#include <cerrno>
#include <exception>
#include <string>
#include <string_view>
#include <system_error>
#include <typeinfo>

#include "pyproc/errors.hpp"

namespace test {

/// The class that Python has for an errno.
///
/// Source: https://docs.python.org/3/library/exceptions.html#os-exceptions
inline std::string class_of(int code) {
    switch (code) {
        case ENOENT: return "FileNotFoundError";
        case EACCES:
        case EPERM: return "PermissionError";
        case ENOTDIR: return "NotADirectoryError";
        case ESRCH: return "ProcessLookupError";
        case ECHILD: return "ChildProcessError";
        case EPIPE: return "BrokenPipeError";
        case EAGAIN: return "BlockingIOError";
        case EINTR: return "InterruptedError";
        default: return "OSError";
    }
}

inline std::string class_of(const pyproc::OSError& error) {
    const std::type_info& type = typeid(error);
    if (type == typeid(pyproc::FileNotFoundError)) return "FileNotFoundError";
    if (type == typeid(pyproc::PermissionError)) return "PermissionError";
    if (type == typeid(pyproc::NotADirectoryError)) return "NotADirectoryError";
    if (type == typeid(pyproc::ProcessLookupError)) return "ProcessLookupError";
    if (type == typeid(pyproc::ChildProcessError)) return "ChildProcessError";
    if (type == typeid(pyproc::BrokenPipeError)) return "BrokenPipeError";
    if (type == typeid(pyproc::BlockingIOError)) return "BlockingIOError";
    if (type == typeid(pyproc::InterruptedError)) return "InterruptedError";
    if (type == typeid(pyproc::OSError)) return "OSError";
    return type.name();
}

inline std::string text_of(const std::string& name, int code, std::string_view what,
                           std::string_view filename) {
    std::string text = name + ' ' + std::to_string(code) + ": ";
    text += what;
    if (!filename.empty()) text.append(" [").append(filename).append("]");
    return text;
}

/// What a failure at `step` should be.
inline std::string expected(int code, std::string_view step,
                            std::string_view filename = {}) {
    std::string what{step};
    if (!filename.empty()) what.append(" '").append(filename).append("'");
    what.append(": ").append(std::system_category().message(code));
    return text_of(class_of(code), code, what, filename);
}

/// What came, in the same words.
inline std::string text_of(const pyproc::OSError& error) {
    return text_of(class_of(error), error.code().value(), error.what(), error.filename());
}

/// What `action` ended with: an `OSError`, or nothing. To be put into words by `text_of`
/// once no call is refused any more and descriptors are to be had: a sanitizer that looks
/// at an object's class needs both.
template <class Action>
std::exception_ptr failure_of(Action action) {
    try {
        action();
    } catch (const pyproc::OSError&) {
        return std::current_exception();
    }
    return nullptr;
}

inline std::string text_of(const std::exception_ptr& failure) {
    if (failure == nullptr) return "no error";
    try {
        std::rethrow_exception(failure);
    } catch (const pyproc::OSError& error) {
        return text_of(error);
    }
}

template <class Action>
std::string error_of(Action action) {
    return text_of(failure_of(action));
}

}  // namespace test
