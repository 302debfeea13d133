// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "pyproc/errors.hpp"
#include "pyproc/posix/path.hpp"
#include "pyproc/text_repr.hpp"

namespace pyproc::spawn {

/// One word of a command line: a string, or anything with a `native()` string.
///
/// It has no constructor of two arguments, so that `{{"ls", "-l"}}` can't be read as one
/// string between two pointers, as a vector of strings would read it.
class Arg {
public:
    /// @throws ValueError  for a null pointer.
    Arg(const char* text) : text_{require(text)} {}
    Arg(std::string text) noexcept : text_{std::move(text)} {}
    Arg(std::string_view text) : text_{text} {}
    Arg(const posix::HasNativePath auto& path) : text_{std::string_view{path.native()}} {}

    [[nodiscard]] std::string& string() noexcept { return text_; }
    [[nodiscard]] const std::string& string() const noexcept { return text_; }

private:
    [[nodiscard]] static const char* require(const char* text) {
        if (text == nullptr) throw ValueError{"a command's argument is a null pointer"};
        return text;
    }

    std::string text_;
};

/// A range of words, and not itself one word.
template <class R>
concept ArgRange = !std::convertible_to<const R&, Arg> && requires(const R& range) {
    { *std::begin(range) } -> std::convertible_to<Arg>;  // <vector> has these two as well
    std::end(range);
};

/// A command: a program and its arguments, or one string.
///
/// Made from a string (the program's name or, under `shell = true`, the script), from a
/// braced list of strings and paths, or from any range of them; an array or span of
/// `char*` may end with a null pointer, as the arguments of execv(3) do.
class Args {
public:
    Args() = default;

    // A template, because a braced list can't be deduced: else `{{"ls", "-l"}}` could
    // become one string made of two pointers here.
    template <std::convertible_to<Arg> S>
    requires(!std::same_as<std::remove_cvref_t<S>, Arg>) Args(S&& command)
        : is_string_{true} {
        words_.push_back(std::move(Arg{std::forward<S>(command)}.string()));
    }

    Args(std::initializer_list<Arg> words) {
        words_.reserve(words.size());
        for (const Arg& word : words) words_.push_back(std::string{word.string()});
    }

    template <ArgRange R>
    Args(const R& words) {
        for (const auto& word : words) {
            if constexpr (std::is_pointer_v<std::remove_cvref_t<decltype(word)>>) {
                if (word == nullptr) break;
            }
            words_.push_back(std::move(Arg{word}.string()));
        }
    }

    /// Whether the command was given as one string and not as a list.
    [[nodiscard]] bool is_string() const noexcept { return is_string_; }

    /// The words; a command that was given as a string is one.
    [[nodiscard]] const std::vector<std::string>& words() const noexcept {
        return words_;
    }

    [[nodiscard]] bool empty() const noexcept { return words_.empty(); }
    [[nodiscard]] auto size() const noexcept { return words_.size(); }
    [[nodiscard]] auto begin() const noexcept { return words_.begin(); }
    [[nodiscard]] auto end() const noexcept { return words_.end(); }
    [[nodiscard]] const std::string& operator[](std::size_t i) const noexcept {
        return words_[i];
    }

    /// How Python prints the command: `'date'` or `['ls', '-l']`. Found by
    /// `pyproc::repr`.
    [[nodiscard]] std::string repr() const {
        if (is_string_) return pyproc::repr(std::string_view{words_[0]});
        // Not the template for any range, which takes the compiler longer than this file.
        std::string text = "[";
        for (const std::string& word : words_) {
            if (text.size() > 1) text += ", ";
            text += pyproc::repr(std::string_view{word});
        }
        return text += ']';
    }

    friend bool operator==(const Args&, const Args&) = default;

private:
    std::vector<std::string> words_;
    bool is_string_ = false;
};

}  // namespace pyproc::spawn
