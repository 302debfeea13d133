// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pyproc/errors.hpp"

/// Python's `shlex`: command lines as a POSIX shell writes them, taken apart and put
/// together.
///
/// Bytes above 127 are ordinary characters, so UTF-8 goes through unharmed.
///
/// Source: https://docs.python.org/3/library/shlex.html, and CPython's Lib/shlex.py where
///         that leaves a case open.
namespace pyproc::shlex {

namespace detail {

/// Reads the words of one command line, one after the other.
class Splitter {
public:
    Splitter(std::string_view line, bool comments, bool posix) noexcept
        : rest_{line}, comments_{comments}, posix_{posix} {}

    /// Reads the next word.
    ///
    /// @return false at the end of the line.
    /// @throws ValueError  when the line ends within quotes or after a backslash.
    [[nodiscard]] bool read(std::string& word) {
        word.clear();
        bool is_begun = false;  // an empty pair of quotes is a word too
        for (; !rest_.empty(); rest_.remove_prefix(1)) {
            const char c = rest_.front();
            if (is_blank(c)) {
                if (is_begun) return true;
            } else if (comments_ && c == '#') {
                skip_comment();
                // A comment ends a word, though not outside POSIX: there the word goes
                // on.
                if (posix_ && is_begun) return true;
                if (rest_.empty()) break;
            } else if (posix_ && c == '\\') {
                is_begun = true;
                word += take_escaped();
            } else if (posix_ && is_quote(c)) {
                is_begun = true;
                append_quoted(word);
            } else if (is_quote(c) && !is_begun) {
                take_with_quotes(word);
                return true;
            } else {
                is_begun = true;
                word += c;
            }
        }
        return is_begun;
    }

private:
    [[nodiscard]] static bool is_blank(char c) noexcept {
        return c == ' ' || c == '\t' || c == '\r' || c == '\n';
    }
    [[nodiscard]] static bool is_quote(char c) noexcept { return c == '\'' || c == '"'; }

    /// Leaves `rest_` at the newline that ends the comment, or empty.
    void skip_comment() noexcept {
        const std::size_t end = rest_.find('\n');
        rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
    }

    /// The character after the backslash at the front, which becomes the front.
    [[nodiscard]] char take_escaped() {
        if (rest_.size() < 2) throw ValueError{"No escaped character"};
        rest_.remove_prefix(1);
        return rest_.front();
    }

    /// Appends what is between the quote at the front and its like, which becomes the
    /// front.
    void append_quoted(std::string& word) {
        const char quote = rest_.front();
        for (;;) {
            rest_.remove_prefix(1);
            if (rest_.empty()) throw ValueError{"No closing quotation"};
            if (rest_.front() == quote) return;
            if (quote == '"' && rest_.front() == '\\') {
                const char escaped = take_escaped();
                // Before anything else, a backslash in double quotes is just that.
                if (escaped != quote && escaped != '\\') word += '\\';
                word += escaped;
            } else {
                word += rest_.front();
            }
        }
    }

    /// Outside POSIX: takes a quoted word, quotes and all, which ends with its quotes.
    void take_with_quotes(std::string& word) {
        const std::size_t end = rest_.find(rest_.front(), 1);
        if (end == std::string_view::npos) throw ValueError{"No closing quotation"};
        word = rest_.substr(0, end + 1);
        rest_.remove_prefix(end + 1);
    }

    std::string_view rest_;
    bool comments_;
    bool posix_;
};

/// Whether a shell takes the character for what it is, wherever it stands.
[[nodiscard]] inline bool is_safe(char c) noexcept {
    return ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z') || ('0' <= c && c <= '9') ||
           std::string_view{"_@%+=:,./-"}.find(c) != std::string_view::npos;
}

}  // namespace detail

/// Takes a command line apart into words, as a POSIX shell would, but expands nothing.
///
/// @param comments  Whether `#` begins a comment that the end of its line ends. As in
///                  Python it does so within a word too.
/// @param posix     Whether quotes and backslashes are taken away. If not, quotes stay
/// and
///                  backslashes mean nothing.
/// @throws ValueError  when the line ends within quotes or after a backslash.
///
/// Python: `shlex.split(s, comments, posix)`.
[[nodiscard]] inline std::vector<std::string> split(std::string_view line,
                                                    bool comments = false,
                                                    bool posix = true) {
    detail::Splitter splitter{line, comments, posix};
    std::vector<std::string> words;
    std::string word;
    while (splitter.read(word)) words.push_back(std::move(word));
    return words;
}

/// Writes one word so that a POSIX shell reads just that word.
///
/// Python: `shlex.quote(s)`.
[[nodiscard]] inline std::string quote(std::string_view word) {
    bool is_safe = !word.empty();
    for (const char c : word) is_safe = is_safe && detail::is_safe(c);
    if (is_safe) return std::string{word};
    std::string quoted = "'";
    for (const char c : word) {
        if (c == '\'') {
            quoted += R"('"'"')";
        } else {
            quoted += c;
        }
    }
    return quoted += '\'';
}

/// Writes a command line that `split`, or a POSIX shell, takes apart into just these
/// words.
///
/// @param words  Any range of strings.
///
/// Python: `shlex.join(split_command)`.
template <class Words>
[[nodiscard]] std::string join(const Words& words) {
    std::string line;
    bool is_first = true;
    for (const auto& word : words) {
        if (!is_first) line += ' ';
        is_first = false;
        line += quote(word);
    }
    return line;
}

/// The same for words written out: `join({"ls", "my file"})`.
[[nodiscard]] inline std::string join(std::initializer_list<std::string_view> words) {
    return join<std::initializer_list<std::string_view>>(words);
}

}  // namespace pyproc::shlex
