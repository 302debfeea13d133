// SPDX-License-Identifier: BSL-1.0
// A row of the table: a scenario in Python, and the same in C++. What either gives is
// written in one way, which test_subprocess.py writes too.
#pragma once

#include <concepts>
#include <cstdio>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "pyproc/repr.hpp"
#include "pyproc/subprocess.hpp"

namespace parity {

using namespace pyproc;
using namespace pyproc::subprocess;
using namespace std::chrono_literals;
using namespace std::string_literals;
using Env = std::map<std::string, std::string>;

/// What is written already, and stands in an answer as it is.
struct Verbatim {
    std::string text;
};

template <class T>
constexpr bool is_tuple = false;
template <class... T>
constexpr bool is_tuple<std::tuple<T...>> = true;

/// As `shown` in test_subprocess.py writes a value. Text and bytes look alike, since C++
/// has one type for both; a stream that was not collected is an empty one.
template <class T>
std::string shown(const T& value) {
    if constexpr (std::same_as<T, Verbatim>) {
        return value.text;
    } else if constexpr (std::same_as<T, bool> || std::integral<T> ||
                         std::same_as<T, Args>) {
        return repr(value);
    } else if constexpr (std::convertible_to<const T&, std::string_view>) {
        return repr_bytes(value);
    } else if constexpr (std::same_as<T, std::optional<int>>) {
        return value ? repr(*value) : "None";
    } else if constexpr (std::same_as<T, CompletedProcess>) {
        return "CompletedProcess" + shown(std::tuple{value.args, value.returncode,
                                                     value.std_out, value.std_err});
    } else if constexpr (std::same_as<T, StatusOutput>) {
        return shown(std::tuple{value.exitcode, value.output});
    } else if constexpr (std::same_as<T, Output>) {
        return shown(std::tuple{value.std_out, value.std_err});
    } else {
        std::string text;
        const auto append = [&](const auto& element) {
            text += (text.empty() ? "(" : ", ") + shown(element);
        };
        if constexpr (is_tuple<T>) {
            std::apply([&](const auto&... elements) { (append(elements), ...); }, value);
        } else {
            for (const auto& element : value) append(element);
        }
        return (text.empty() ? "(" : text) + ")";
    }
}

/// The answer of a call: what it returns, or how it fails.
Verbatim shown_error();  // of the exception that is being handled
template <class Call>
Verbatim outcome(Call&& call) {
    try {
        if constexpr (std::is_void_v<decltype(call())>) {
            call();
            return {"None"};
        } else {
            return {shown(call())};
        }
    } catch (...) {
        return shown_error();
    }
}

struct Row {
    /// @param python  An expression; or the lines of a function's body, after a newline.
    template <class Call>
    Row(std::string the_name, std::string the_python, Call call)
        : name{std::move(the_name)}, python{std::move(the_python)}, answer{[call] {
              return outcome(call).text;
          }} {}

    std::string name;
    std::string python;
    std::function<std::string()> answer;
};
using Table = std::vector<Row>;

// Each stands in the file of its name.
Table rows_of_functions();
Table rows_of_commands();
Table rows_of_lookup();
Table rows_of_start_errors();
Table rows_of_redirections();
Table rows_of_descriptors();
Table rows_of_text();
Table rows_of_popen();
Table rows_of_streams();
Table rows_of_communicate();
Table rows_of_timeouts();
Table rows_of_signals();
Table rows_of_identity();

}  // namespace parity
