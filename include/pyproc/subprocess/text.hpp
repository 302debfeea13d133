// SPDX-License-Identifier: BSL-1.0
#pragma once

#include <cstddef>
#include <string>

namespace pyproc::subprocess {

/// Turns `\r\n` and `\r` into `\n`, piece by piece.
///
/// Source: Python's universal newlines, https://docs.python.org/3/glossary.html
class NewlineTranslator {
public:
    /// Translates `text` in place from `start` on; what is before that is done already. A
    /// pair that is split between two pieces counts as one newline.
    void translate(std::string& text, std::size_t start = 0) noexcept {
        std::size_t to = start;
        for (std::size_t from = start; from < text.size(); ++from) {
            const char c = text[from];
            const bool ends_pair = after_return_ && c == '\n';
            after_return_ = c == '\r';
            if (!ends_pair) text[to++] = after_return_ ? '\n' : c;
        }
        text.resize(to);
    }

private:
    bool after_return_ = false;  ///< whether the last character seen was a `\r`
};

}  // namespace pyproc::subprocess
