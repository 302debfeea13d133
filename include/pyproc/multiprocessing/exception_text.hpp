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

/// The type of the exception that is being handled, as it was thrown: without what
/// `std::throw_with_nested` has wrapped it in.
[[nodiscard]] inline std::string thrown_type_name() {
    const std::type_info* const type = abi::__cxa_current_exception_type();
    if (type == nullptr) return "unknown exception";
    std::string name = type_name(*type);
    constexpr std::string_view wrapper = "std::_Nested_exception<";  // libstdc++'s
    if (!name.starts_with(wrapper)) return name;
    name.pop_back();
    if (name.ends_with(' ')) name.pop_back();  // "> >", as older demanglers have it
    return name.substr(wrapper.size());
}

/// @param says  What the exception says; may be null.
[[nodiscard]] inline std::string exception_line(std::string type, const char* says) {
    if (says != nullptr && *says != '\0') type.append(": ").append(says);
    return type;
}

/// The last line of Python's report of an exception: its type, and what it says.
///
/// An exception that is neither a `std::exception` nor a text says nothing.
[[nodiscard]] inline std::string exception_text(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception& error) {
        return exception_line(thrown_type_name(), error.what());
    } catch (const std::string& text) {
        return exception_line("std::string", text.c_str());
    } catch (const char* text) {
        return exception_line("const char*", text);
    } catch (...) {
        return thrown_type_name();
    }
}

/// The exception that was being handled when `std::throw_with_nested` threw this one;
/// null if there is none.
[[nodiscard]] inline std::exception_ptr context_of(const std::exception_ptr& exception) {
    try {
        std::rethrow_exception(exception);
    } catch (const std::nested_exception& nested) {
        return nested.nested_ptr();
    } catch (...) {
        return nullptr;
    }
}

/// Python's report of an exception, without the tracebacks: those that were being handled
/// come first.
[[nodiscard]] inline std::string exception_report(const std::exception_ptr& exception) {
    std::string text = exception_text(exception);
    for (auto context = context_of(exception); context; context = context_of(context)) {
        text.insert(0,
                    exception_text(context) +
                        "\n\nDuring handling of the above exception, another exception "
                        "occurred:\n\n");
    }
    return text;
}

}  // namespace pyproc::multiprocessing::detail
