// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <cstdlib>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>

#include <cxxabi.h>

namespace pyproc::multiprocessing::detail {

/// The name of a type as C++ writes it: `std::runtime_error`.
///
/// Source: Itanium C++ ABI, section 3.4; the name as it is if it isn't one of those.
[[nodiscard]] inline std::string type_name(const std::type_info& type) {
    int status = 0;
    const std::unique_ptr<char, void (*)(void*)> demangled{
        abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free};
    return demangled ? demangled.get() : type.name();
}

/// The same without the namespaces and classes it is in: Python's `__name__`.
[[nodiscard]] inline std::string short_type_name(const std::type_info& type) {
    const std::string whole = type_name(type);
    std::size_t start = 0;
    int depth = 0;  // of template arguments and "(anonymous namespace)"
    for (std::size_t i = 0; i + 1 < whole.size(); ++i) {
        if (whole[i] == '<' || whole[i] == '(') ++depth;
        if (whole[i] == '>' || whole[i] == ')') --depth;
        if (depth == 0 && whole[i] == ':' && whole[i + 1] == ':') start = i + 2;
    }
    return whole.substr(start);
}

/// The last line of Python's report of an exception: its type, and what it says.
///
/// An exception that is no `std::exception` says nothing.
[[nodiscard]] inline std::string exception_text(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        std::string text = type_name(typeid(error));
        if (const std::string_view what = error.what(); !what.empty()) {
            text.append(": ").append(what);
        }
        return text;
    } catch (...) {
        const std::type_info* type = abi::__cxa_current_exception_type();
        return type != nullptr ? type_name(*type) : "unknown exception";
    }
}

}  // namespace pyproc::multiprocessing::detail
